// The trail in the top bar: the site, then where one is.

import { live } from '../live/store.svelte.ts';
import { t } from '../messages/index.svelte.ts';
import { machineHref, router, type Route } from './router.svelte.ts';

export interface Crumb {
  name: string;
  href?: string;
}

function above(id: string): Crumb[] {
  const steps: Crumb[] = [];
  const seen = new Set<string>();
  for (let at = live.equipment.get(id); at && !seen.has(at.id); at = at.parent ? live.equipment.get(at.parent) : undefined) {
    seen.add(at.id);
    if (at.level === 'Site' || at.level === 'Enterprise') break;
    steps.unshift(at.level === 'WorkUnit' ? { name: at.id, href: machineHref(at.id) } : { name: at.name || at.id });
  }
  return steps;
}

export function crumbs(route: Route): Crumb[] {
  const site: Crumb = { name: live.plant?.name ?? 'taktwin', href: '/' };
  switch (route.page) {
    case 'now':
      return [site, { name: t('place.all-halls') }];
    case 'schedule':
      return [site, { name: t('place.schedule') }, { name: t('place.dispatch') }];
    case 'plan':
      return [site, { name: t('place.schedule') }];
    case 'shift':
      return [site, { name: t('place.schedule'), href: '/schedule/dispatch' }, { name: t('place.shift') }];
    case 'people':
      return [site, { name: t('place.schedule'), href: '/schedule/dispatch' }, { name: t('place.people') }];
    case 'accounts':
      return [site, { name: t('place.people'), href: '/schedule/people' }, { name: t('place.accounts') }];
    case 'documents':
      return [site, { name: t('place.schedule'), href: '/schedule/dispatch' }, { name: t('place.documents') }];
    case 'definitions':
      return [site, { name: t('place.schedule'), href: '/schedule/dispatch' }, { name: t('place.definitions') }];
    case 'audit':
      return [site, { name: t('place.quality'), href: '/quality' }, { name: t('place.audit') }];
    case 'holds':
      return [site, { name: t('place.quality'), href: '/quality' }, { name: t('place.holds') }];
    case 'whatif':
      return [site, { name: t('place.whatif') }];
    case 'backtest':
      return [site, { name: t('place.whatif'), href: '/whatif' }, { name: t('place.backtest') }];
    case 'quality':
      return [site, { name: t('place.quality') }];
    case 'performance':
      return [site, { name: t('place.performance') }];
    case 'maintenance':
      return [site, { name: t('place.maintenance') }];
    case 'resources':
      return [site, { name: t('place.maintenance'), href: '/maintenance' }, { name: t('place.resources') }];
    case 'assets':
      return [site, { name: t('place.maintenance'), href: '/maintenance' }, { name: t('place.assets') }];
    case 'stores':
      return [site, { name: t('place.schedule'), href: '/schedule/dispatch' }, { name: t('place.stores') }];
    case 'terminal':
      return [site, ...above(route.id)];
    case 'serial':
      return [site, ...(router.place === 'now' ? [] : [{ name: t(`place.${router.place}`), href: router.home }]), { name: route.id }];
    case 'system':
      return [site, { name: t('place.system') }];
    case 'alarms':
      return [site, { name: t('place.alarms') }];
    case 'machine':
      return [site, ...above(route.id)];
    case 'signal': {
      const info = live.signalById.get(route.id)?.info;
      if (!info) return [site, { name: route.id }];
      return [site, ...above(info.equipment), { name: info.path }];
    }
    case 'missing':
      return [site];
  }
}
