import { createFileRoute } from "@tanstack/react-router";

export const Route = createFileRoute("/page0")({ component: () => <p>All about page0</p> });
