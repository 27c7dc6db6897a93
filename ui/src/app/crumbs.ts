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
  const place = { name: t(`place.${router.place}`), href: router.home };
  switch (route.page) {
    case 'now':
      return [site, { name: t('place.all-halls') }];
    case 'missing':
      return [site];
    case 'terminal':
    case 'machine':
      return [site, ...above(route.id)];
    case 'serial':
      return [site, ...(router.place === 'now' ? [] : [place]), { name: route.id }];
    case 'signal': {
      const info = live.signalById.get(route.id)?.info;
      return [site, ...(info ? [...above(info.equipment), { name: info.path }] : [{ name: route.id }])];
    }
    case 'plan':
      return [site, { name: place.name }];
    case 'schedule':
      return [site, { name: place.name }, { name: t('place.dispatch') }];
    case 'accounts':
      return [site, { name: t('place.people'), href: '/schedule/people' }, { name: t('place.accounts') }];
    default:
      return [site, ...(route.page === router.place ? [] : [place]), { name: t(`place.${route.page}`) }];
  }
}
