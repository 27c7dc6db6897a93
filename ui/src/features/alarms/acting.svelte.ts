// A person's decision about an alarm on its way to the portal, and what came of it.

import * as api from '../../api/client.ts';
import type { AlarmDocument } from '../../api/types.ts';
import { t } from '../../messages/index.svelte.ts';

class Acting {
  busy = $state(false);
  failed = $state('');
  done = $state('');
}

export const acting = new Acting();

export async function act(alarm: AlarmDocument, verb: api.AlarmVerb, comment: string, until_ms?: number): Promise<boolean> {
  acting.busy = true;
  acting.failed = '';
  acting.done = '';
  try {
    await api.alarmAct(alarm, verb, comment, until_ms);
    acting.done = t(`alarms.did-${verb}`);
    return true;
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    // 409: another person was faster; the list shows what they did.
    acting.failed = error.status === 409 ? t('alarms.changed-meanwhile', { reason: error.message }) : error.message;
    return false;
  } finally {
    acting.busy = false;
  }
}
