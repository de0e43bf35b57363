const FILTERS = ['all', 'open', 'done'];

export default function Filters({ value, onChange, onClear, canClear }) {
  return (
    <footer className="filters">
      <div role="group" aria-label="Show">
        {FILTERS.map((name) => (
          <button key={name} aria-pressed={name === value} onClick={() => onChange(name)}>
            {name}
          </button>
        ))}
      </div>
      <button onClick={onClear} disabled={!canClear}>
        clear done
      </button>
    </footer>
  );
}
