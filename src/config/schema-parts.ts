import { type TSchema, Type } from 'typebox';
import { type Form, type FormName, FORMS, type Listener } from './forms.ts';

// The building blocks of the configuration's schema. `x-form` names the form of a value that is not plain (forms.ts); its parsed value is
// the static type here. A member with a default is always present once the configuration is read, so it is not Optional.

interface About {
  readonly description: string;
  readonly default?: string;
  readonly examples?: readonly unknown[];
  readonly 'x-secret'?: true;
}

/** A text with a format of its own (forms.ts). */
export function formed<T>(name: FormName, about: About) {
  const form: Form<unknown> = FORMS[name];
  const type = form.takesNumbers ? { type: ['string', 'integer'], minimum: 0 } : { type: 'string' };
  return Type.Unsafe<T>({ ...type, ...(form.pattern === undefined ? {} : { pattern: form.pattern }), 'x-form': name, ...about });
}

export const Duration = (description: string, byDefault?: string) =>
  formed<number>('duration', { description, ...(byDefault === undefined ? {} : { default: byDefault }) });
export const Address = (description: string, byDefault: string) => formed<Listener | 'off'>('listener', { description, default: byDefault });
export const Choice = <const T extends readonly string[]>(values: T, about: { readonly description?: string; readonly default?: T[number] } = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...about });
export const Flag = (description: string, about: { readonly default?: boolean; readonly examples?: readonly unknown[] } = {}) => Type.Boolean({ description, ...about });
export const Count = (description: string, byDefault: number, range: { readonly minimum: number; readonly maximum?: number }) =>
  Type.Integer({ description, default: byDefault, ...range });
export const Texts = (description: string, about: { readonly default?: readonly string[]; readonly examples?: readonly unknown[]; readonly item?: TSchema; readonly minItems?: number } = {}) => {
  const { item = Type.String({ minLength: 1 }), ...rest } = about;
  return Type.Unsafe<string[]>({ type: 'array', items: item, description, ...rest });
};

export const Secret = (description: string) => Type.String({ minLength: 1, description, 'x-secret': true });
export const File = (description: string, example: string) => Type.String({ minLength: 1, description, examples: [example] });

export const closed = { additionalProperties: false } as const;
export const optional = Type.Optional;
