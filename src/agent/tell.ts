export type Level = 'info' | 'warn' | 'error';

/** Reports to whoever reads the output; `facts` are for programs. */
export type Tell = (level: Level, event: string, message: string, facts?: Readonly<Record<string, string | number>>) => void;
