import { beans } from './beans.js';

const pages = {
  '/beans': () => `
    <h1>Beans</h1>
    <ul class="cards">
      ${beans.map((bean) => `
        <li>
          <h2>${bean.name}</h2>
          <p>${bean.origin}<br><em>${bean.notes}</em></p>
          <p class="price">€ ${bean.price.toFixed(2)} / 250 g</p>
        </li>`).join('')}
    </ul>`,
  '/visit': () => `
    <h1>Visit</h1>
    <p>We are at the end of Quay 7. Tram 4 stops at the gate.</p>`,
};

/**
 * Shows the page for the address, and follows links marked `data-link` without
 * loading the document again. The home page is the one in index.html.
 */
export function startRouter(view) {
  const home = view.innerHTML;

  function show(path) {
    if (path === '/' || path === '/index.html') view.innerHTML = home;
    else view.innerHTML = pages[path]?.() ?? '<h1>There is nothing here</h1><p><a href="/" data-link>Back to the quay</a></p>';
    for (const link of document.querySelectorAll('nav a')) {
      link.toggleAttribute('aria-current', link.getAttribute('href') === path);
    }
  }

  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-link]');
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    history.pushState(null, '', link.getAttribute('href'));
    show(location.pathname);
  });
  window.addEventListener('popstate', () => show(location.pathname));
  show(location.pathname);
}
