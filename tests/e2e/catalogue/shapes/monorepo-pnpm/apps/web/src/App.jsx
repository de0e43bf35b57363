import { Button } from '@repo/ui'

export default function App() {
  return (
    <main>
      <h1>A monorepo</h1>
      <Button />
    </main>
  )
}
