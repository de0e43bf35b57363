import { startRouter } from './router.js';
import { openingText } from './hours.js';

startRouter(document.getElementById('view'));
document.getElementById('open-now').textContent = openingText(new Date());
