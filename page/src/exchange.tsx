// All recipes at once: into a file, and out of files.

import { useRef, useState, type ReactElement } from 'react';

import { Refused } from './api';
import { saveFile } from './files';
import { counted } from './format';
import { Problem } from './parts';
import { exportAll, importRecipe } from './recipes';

/** The texts of the recipes in a file: an export of all has many. */
function recipesIn(text: string): readonly string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [text];
  }
  const { recipes, '@graph': graph } = Object(json) as { recipes?: unknown; '@graph'?: unknown };
  const all = [json, recipes, graph].find(Array.isArray);
  return all === undefined ? [text] : all.map((recipe) => JSON.stringify(recipe));
}

/** Some of them may be wrong; after these, the next ones fail too. */
const FINAL = ['unreachable', 'signed_out', 'too_many_recipes', 'storage_limit', 'too_many_requests'];

interface Outcome {
  readonly text: string;
  /** What was not imported, and why. */
  readonly faults: readonly string[];
}

async function importAll(files: readonly File[], tell: (text: string) => void): Promise<Outcome> {
  const faults: string[] = [];
  let count = 0;
  for (const file of files) {
    for (const recipe of recipesIn(await file.text())) {
      try {
        await importRecipe(recipe);
        tell(`${counted(++count, 'recipe')} imported…`);
      } catch (fault) {
        const { code, message, field } =
          fault instanceof Refused ? fault : new Refused('internal', String(fault));
        faults.push(`${file.name}: ${field === null ? '' : `${field}: `}${message}`);
        if (FINAL.includes(code)) return { text: `${counted(count, 'recipe')} imported.`, faults };
      }
    }
  }
  return { text: `${counted(count, 'recipe')} imported.`, faults };
}

interface ExchangeProps {
  /** There is something to be saved. */
  hasRecipes: boolean;
  /** There are others now. */
  changed: () => void;
}

export function Exchange({ hasRecipes, changed }: ExchangeProps): ReactElement {
  const [said, setSaid] = useState<Outcome>({ text: '', faults: [] });
  const [isBusy, setIsBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const run = async (act: () => Promise<Outcome>) => {
    if (isBusy) return;
    setIsBusy(true);
    setSaid({ text: 'One moment…', faults: [] });
    const failed = (why: unknown) => ({
      text: '',
      faults: [why instanceof Refused ? why.message : String(why)],
    });
    setSaid(await act().catch(failed));
    setIsBusy(false);
  };
  const save = async () => {
    const recipes = await exportAll();
    const json = JSON.stringify({ recipes }, null, 2);
    saveFile(new Blob([json], { type: 'application/json' }), 'recipes.json');
    return { text: `${counted(recipes.length, 'recipe')} saved.`, faults: [] };
  };
  const take = async (files: readonly File[]) => {
    const outcome = await importAll(files, (text) => setSaid({ text, faults: [] }));
    changed();
    return outcome;
  };
  return (
    <section className="transfer" aria-label="Save and import">
      {hasRecipes && (
        <button
          type="button"
          className="quiet"
          aria-disabled={isBusy}
          onClick={() => void run(save)}
        >
          Save all as a file
        </button>
      )}
      <button
        type="button"
        className="quiet"
        aria-disabled={isBusy}
        onClick={() => isBusy || input.current?.click()}
      >
        Import files…
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept=".json,.jsonld,.md,.txt"
        aria-label="Files to import"
        onChange={({ currentTarget }) => {
          const files = Array.from(currentTarget.files ?? []);
          // The same file can be chosen again.
          currentTarget.value = '';
          if (files.length > 0) void run(() => take(files));
        }}
      />
      <div className="transfer-said" role="status">
        {said.text}
        {said.faults.map((fault, n) => (
          <Problem key={n}>{fault}</Problem>
        ))}
      </div>
    </section>
  );
}
