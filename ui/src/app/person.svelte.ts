import type { Me } from '../api/types.ts';

class Person {
  me = $state.raw<Me | null>(null);
  get initials(): string {
    const name = this.me?.person ?? '';
    const parts = name.split(/[\s._-]+/).filter(Boolean);
    const letters = parts.length > 1 ? parts[0]![0]! + parts.at(-1)![0]! : name.slice(0, 2);
    return letters.toUpperCase();
  }
}

export const person = new Person();
