// Which dialog is open. One at a time.

export type Overlay = 'search' | 'keys' | 'goto' | 'person' | 'sign-in';

class Overlays {
  current = $state<Overlay | null>(null);
  open(which: Overlay): void {
    this.current = which;
  }
  close(): void {
    this.current = null;
  }
}

export const overlays = new Overlays();
