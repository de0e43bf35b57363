import { defineConfig } from 'vitepress'

// https://vitepress.dev/reference/site-config
export default defineConfig({
  title: "My Awesome Project",
  description: "A VitePress Site",
  themeConfig: {
    nav: [{ text: 'Home', link: '/' }, { text: 'Examples', link: '/markdown-examples' }],
    sidebar: [{ text: 'Examples', items: [{ text: 'Markdown Examples', link: '/markdown-examples' }] }]
  }
})
