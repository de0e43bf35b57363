import { createFileRoute } from "@tanstack/react-router";

export const Route = createFileRoute("/page3")({ component: () => <p>All about page3</p> });
