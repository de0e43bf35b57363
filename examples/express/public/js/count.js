// Shows how many characters are left.
const area = document.querySelector('textarea');
const left = document.createElement('small');
area.after(left);
const update = () => { left.textContent = `${area.maxLength - area.value.length} characters left`; };
area.addEventListener('input', update);
update();
