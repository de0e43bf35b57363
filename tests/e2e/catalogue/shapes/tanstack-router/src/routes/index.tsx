import { createFileRoute } from '@tanstack/react-router'

export const Route = createFileRoute('/')({ component: Home })

function Home() {
  const place = 'here'
  return (
    <main>
      <h1>Welcome Home</h1>
      <p>You are {place}</p>
    </main>
  )
}
