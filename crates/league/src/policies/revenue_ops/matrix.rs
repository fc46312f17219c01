//! The little linear algebra that a parabola's posterior needs.

/// A symmetric 3 × 3 matrix.
pub type Matrix = [[f64; 3]; 3];
/// A vector.
pub type Vector = [f64; 3];

/// The product of a matrix and a vector.
pub fn times(m: &Matrix, v: Vector) -> Vector {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// The inverse, by cofactors; `None` if there is none to be had in floats.
pub fn inverse(m: &Matrix) -> Option<Matrix> {
    let minor = |r: usize, c: usize| {
        let (r1, r2) = ((r + 1) % 3, (r + 2) % 3);
        let (c1, c2) = ((c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    let cells = m.iter().flatten();
    let largest = cells.fold(0.0_f64, |most, cell| most.max(cell.abs()));
    if determinant.abs() < 1e-10 * (largest * largest * largest).max(1.0) {
        return None;
    }
    let row = |r: usize| [0, 1, 2].map(|c| minor(c, r) / determinant);
    Some([row(0), row(1), row(2)])
}

/// The lower triangle whose square this is; `None` if it is not positive.
pub fn root(m: &Matrix) -> Option<Matrix> {
    let mut lower: Matrix = [[0.0; 3]; 3];
    for row in 0..3 {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
            let rest = m[row][column] - known;
            lower[row][column] = match row == column {
                true if rest < 1e-12 => return None,
                true => rest.sqrt(),
                false => rest / lower[column][column],
            };
        }
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: Matrix = [[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]];

    fn near(have: Vector, want: Vector) {
        let off = have.iter().zip(want).map(|(a, b)| (a - b).abs());
        assert!(off.into_iter().all(|off| off < 1e-12), "{have:?} {want:?}");
    }

    #[test]
    fn a_matrix_times_its_inverse_changes_nothing() {
        let inverse = inverse(&M).expect("regular");
        near(
            times(&M, times(&inverse, [1.0, -2.0, 3.0])),
            [1.0, -2.0, 3.0],
        );
        assert_eq!(super::inverse(&[[1.0; 3]; 3]), None);
    }

    #[test]
    fn a_root_squared_is_the_matrix() {
        let lower = root(&M).expect("positive");
        for (row, want) in M.iter().enumerate() {
            let square = |column: usize| (0..3).map(|k| lower[row][k] * lower[column][k]).sum();
            near([square(0), square(1), square(2)], *want);
        }
        assert_eq!(root(&[[-1.0; 3]; 3]), None);
    }
}
