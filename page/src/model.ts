// Recipes and who may do what with them, as the server's HTTP says it.

export interface Ingredient {
  readonly text: string;
  readonly quantity: number | null;
  readonly unit: string | null;
  /** The line as it was written, if it is scaled. */
  readonly base?: { readonly text: string };
}

export type Role = 'reader' | 'editor' | 'owner';

/** What the user may do with a recipe, and whose it is if it is not theirs. */
export interface Access {
  readonly role: Role;
  readonly owner?: { readonly id: string; readonly email: string | null };
}

/** The room does not know the access. */
export interface Summary extends Partial<Access> {
  readonly id: string;
  readonly title: string;
  readonly yield: string;
  readonly prep_time_minutes: number | null;
  readonly cook_time_minutes: number | null;
  readonly tags: readonly string[];
  readonly updated_at: string;
}

export interface Recipe extends Summary {
  readonly description: string;
  /** undefined: a copy of before there was one. */
  readonly total_time_minutes?: number | null;
  readonly ingredients: readonly Ingredient[];
  readonly steps: readonly { readonly order: number; readonly text: string }[];
}

export interface Page {
  readonly recipes: readonly Summary[];
  /** What to ask for `before` to go on. */
  readonly next?: string;
}
