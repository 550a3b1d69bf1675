import type { ValidationFault, ValidationOutcome } from './validator.ts';

export const VALID: ValidationOutcome = { outcome: 'valid' };

export const invalid = (type: ValidationFault, detail: string, again = false): ValidationOutcome => ({ outcome: 'invalid', problem: { type, detail }, again });
