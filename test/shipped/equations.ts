// The recurrent equations in float64, one sequence at a time: what the served graphs must answer.

export type Matrix = readonly Float64Array[];

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** y = M x */
export function times(matrix: Matrix, x: ArrayLike<number>): Float64Array {
  return Float64Array.from(matrix, row => row.reduce((sum, weight, i) => sum + weight * x[i], 0));
}

export function plus(...terms: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(terms[0], (_, i) => terms.reduce((sum, term) => sum + term[i], 0));
}

/** h_t = tanh(W x_t + R h_{t-1} + Wb + Rb) from h_0 = 0; every h_t. B is Wb, then Rb. */
export function rnn(steps: readonly Float64Array[], W: Matrix, R: Matrix, B: Float64Array): Float64Array[] {
  const units = R.length;
  let h = new Float64Array(units);
  return steps.map(x => {
    h = plus(times(W, x), times(R, h), B.subarray(0, units), B.subarray(units)).map(Math.tanh);
    return h;
  });
}

/**
 * The LSTM from zero state; every h_t. Gates stand in ONNX's order i, o, f, c; B is the four Wb, then the four Rb.
 * i, o, f = sigmoid(...), c~ = tanh(...), C_t = f C_{t-1} + i c~, h_t = o tanh(C_t).
 */
export function lstm(steps: readonly Float64Array[], W: Matrix, R: Matrix, B: Float64Array): Float64Array[] {
  const units = R[0].length;
  let h = new Float64Array(units);
  let C = new Float64Array(units);
  return steps.map(x => {
    const gates = plus(times(W, x), times(R, h), B.subarray(0, 4 * units), B.subarray(4 * units));
    const [i, o, f, c] = [0, 1, 2, 3].map(gate => gates.subarray(gate * units, (gate + 1) * units));
    C = C.map((before, u) => sigmoid(f[u]) * before + sigmoid(i[u]) * Math.tanh(c[u]));
    h = C.map((cell, u) => sigmoid(o[u]) * Math.tanh(cell));
    return h;
  });
}
