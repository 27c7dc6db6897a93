// The card that explains a value or a machine: on hover or focus, stays while the pointer is on it,
// goes with Esc (WCAG 1.4.13).

import type { Attachment } from 'svelte/attachments';

export type Subject = { signal: string } | { unit: string };

class Hint {
  subject = $state.raw<Subject | null>(null);
  rect = $state.raw<DOMRect | null>(null);
  private timer = 0;

  open(subject: Subject, target: Element, wait_ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.rect = target.getBoundingClientRect();
      this.subject = subject;
    }, wait_ms);
  }

  close(wait_ms = 180): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.subject = null), wait_ms);
  }

  stay(): void {
    clearTimeout(this.timer);
  }
}

export const hint = new Hint();

export function hinted(subject: Subject): Attachment<Element> {
  return (node) => {
    const enter = () => hint.open(subject, node, 220);
    const leave = () => hint.close();
    const focus = () => {
      if (node.matches(':focus-visible')) hint.open(subject, node, 120);
    };
    const away = () => hint.close(0);
    node.addEventListener('pointerenter', enter);
    node.addEventListener('pointerleave', leave);
    node.addEventListener('focus', focus);
    node.addEventListener('blur', away);
    node.addEventListener('click', away);
    return () => {
      node.removeEventListener('pointerenter', enter);
      node.removeEventListener('pointerleave', leave);
      node.removeEventListener('focus', focus);
      node.removeEventListener('blur', away);
      node.removeEventListener('click', away);
    };
  };
}
