export default function Header({ open }) {
  return (
    <header>
      <h1>Day planner</h1>
      <p>{open === 0 ? 'All done.' : `${open} ${open === 1 ? 'task' : 'tasks'} to go`}</p>
    </header>
  );
}
