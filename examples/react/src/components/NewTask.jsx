import { useState } from 'react';

export default function NewTask({ onAdd }) {
  const [title, setTitle] = useState('');

  function submit(event) {
    event.preventDefault();
    const trimmed = title.trim();
    if (!trimmed) return;
    onAdd(trimmed);
    setTitle('');
  }

  return (
    <form className="new-task" onSubmit={submit}>
      <input
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        placeholder="What is next?"
        aria-label="New task"
        maxLength={120}
      />
      <button disabled={!title.trim()}>Add</button>
    </form>
  );
}
