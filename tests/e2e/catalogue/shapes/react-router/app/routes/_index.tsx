import { Welcome } from "~/welcome/welcome";

export function meta() {
  return [{ title: "New React Router App" }, { name: "description", content: "Welcome to React Router!" }];
}

export function loader() {
  return { said: "by the loader" };
}

export default function Home() {
  return <Welcome />;
}
