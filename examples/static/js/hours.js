const OPENS = 7;
const CLOSES = 16;

/** Says whether the shop is open at the given time. */
export function openingText(now) {
  const weekend = now.getDay() === 0 || now.getDay() === 6;
  if (weekend) return 'Closed today.';
  const hour = now.getHours();
  if (hour < OPENS) return `Opens at ${OPENS}.`;
  return hour < CLOSES ? 'Open now.' : 'Closed for today.';
}
