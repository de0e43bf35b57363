import { useState } from "react";

export function Welcome() {
  const [count, setCount] = useState(0);
  return (
    <main className="p-4">
      <h1>What is next</h1>
      <button onClick={() => setCount(count + 1)}>Count is {count}</button>
    </main>
  );
}
