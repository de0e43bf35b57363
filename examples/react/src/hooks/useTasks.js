import { useEffect, useReducer } from 'react';

const KEY = 'day-planner';

const FIRST = [
  { id: 1, title: 'Read the post', done: true },
  { id: 2, title: 'Book the train', done: false },
  { id: 3, title: 'Call the plumber', done: false },
];

function reduce(tasks, action) {
  switch (action.type) {
    case 'add':
      return [...tasks, { id: Date.now(), title: action.title, done: false }];
    case 'toggle':
      return tasks.map((task) => (task.id === action.id ? { ...task, done: !task.done } : task));
    case 'remove':
      return tasks.filter((task) => task.id !== action.id);
    case 'clear-done':
      return tasks.filter((task) => !task.done);
    default:
      throw new Error(`unknown action ${action.type}`);
  }
}

function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? FIRST;
  } catch {
    return FIRST;
  }
}

/** Holds the tasks and keeps them in the browser. */
export function useTasks() {
  const [tasks, dispatch] = useReducer(reduce, undefined, load);

  useEffect(() => {
    localStorage.setItem(KEY, JSON.stringify(tasks));
  }, [tasks]);

  return {
    tasks,
    add: (title) => dispatch({ type: 'add', title }),
    toggle: (id) => dispatch({ type: 'toggle', id }),
    remove: (id) => dispatch({ type: 'remove', id }),
    clearDone: () => dispatch({ type: 'clear-done' }),
  };
}
