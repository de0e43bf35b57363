export default function Task({ task, onToggle, onRemove }) {
  return (
    <li className={task.done ? 'task done' : 'task'}>
      <label>
        <input type="checkbox" checked={task.done} onChange={onToggle} />
        <span>{task.title}</span>
      </label>
      <button className="remove" onClick={onRemove} aria-label={`Remove ${task.title}`}>
        ×
      </button>
    </li>
  );
}
