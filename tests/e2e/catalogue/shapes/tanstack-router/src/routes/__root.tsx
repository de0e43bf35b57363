import { createRootRoute, Link, Outlet } from '@tanstack/react-router'

export const Route = createRootRoute({ component: Root })

function Root() {
  return (
    <>
      <Link to="/">Home</Link>
      <Outlet />
    </>
  )
}
