import type { MetaFunction } from "@remix-run/node";
import { Welcome } from "~/welcome";

export const meta: MetaFunction = () => [{ title: "New Remix App" }];

export function loader() {
  return { said: "by the loader" };
}

export default function Index() {
  return <Welcome />;
}
