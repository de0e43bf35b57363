import { createFileRoute } from "@tanstack/react-router";

export const Route = createFileRoute("/page1")({ component: () => <p>All about page1</p> });
