import Task from './Task.jsx';

export default function TaskList({ tasks, onToggle, onRemove }) {
  if (tasks.length === 0) return <p className="empty">Nothing here.</p>;
  return (
    <ul className="tasks">
      {tasks.map((task) => (
        <Task key={task.id} task={task} onToggle={() => onToggle(task.id)} onRemove={() => onRemove(task.id)} />
      ))}
    </ul>
  );
}
