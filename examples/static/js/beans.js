export const beans = [
  { name: 'Lighthouse', origin: 'Ethiopia, Guji', notes: 'apricot, jasmine', price: 14.5 },
  { name: 'Breakwater', origin: 'Colombia, Huila', notes: 'caramel, red apple', price: 13 },
  { name: 'Low Tide', origin: 'Sumatra, Gayo', notes: 'cedar, dark chocolate', price: 12.5 },
  { name: 'Night Ferry', origin: 'Brazil and Rwanda', notes: 'hazelnut, plum', price: 11 },
];
