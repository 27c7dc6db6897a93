// Another person sits down here: nothing that was shown to the one before stays in this browser.

/** Forget what a terminal was shown. A browser that keeps nothing has nothing to forget. */
export async function forget(): Promise<void> {
  if (!('indexedDB' in window)) return;
  const { forgetShown } = await import('../features/terminal/kept.ts');
  await forgetShown().catch(() => undefined);
}
