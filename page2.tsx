import { createFileRoute } from "@tanstack/react-router";

export const Route = createFileRoute("/page2")({ component: () => <p>All about page2</p> });
