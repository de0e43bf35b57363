import { useMemo, useState } from 'react';
import Header from './components/Header.jsx';
import NewTask from './components/NewTask.jsx';
import TaskList from './components/TaskList.jsx';
import Filters from './components/Filters.jsx';
import { useTasks } from './hooks/useTasks.js';
import './App.css';

export default function App() {
  const { tasks, add, toggle, remove, clearDone } = useTasks();
  const [filter, setFilter] = useState('all');

  const shown = useMemo(
    () => tasks.filter((task) => filter === 'all' || task.done === (filter === 'done')),
    [tasks, filter],
  );
  const open = tasks.filter((task) => !task.done).length;

  return (
    <main className="planner">
      <Header open={open} />
      <NewTask onAdd={add} />
      <TaskList tasks={shown} onToggle={toggle} onRemove={remove} />
      <Filters value={filter} onChange={setFilter} onClear={clearDone} canClear={open < tasks.length} />
    </main>
  );
}
