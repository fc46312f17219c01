//! What a transaction pays to confirm soon. The permission for it is optional.

use super::Lnd;
use super::proto::walletrpc::EstimateFeeRequest;
use sweetspot_core::ports::NodeError;

/// Within an hour: what waits longer is no measure of the moment.
const TARGET_BLOCKS: i32 = 6;
/// A vbyte is four weight units.
const KW_PER_KVB: f64 = 4.0;
/// Far above every fee rate there ever was, in sat/vB.
const MOST_SAT_PER_VB: f64 = 100_000.0;

impl Lnd {
    /// The fee rate to confirm within an hour, in sat/vB.
    pub async fn sat_per_vb(&self) -> Result<f64, NodeError> {
        let query = EstimateFeeRequest {
            conf_target: TARGET_BLOCKS,
        };
        let said = self.read_by(
            &self.wallet,
            "EstimateFee",
            query,
            |mut wallet, query| async move { wallet.estimate_fee(query).await },
        );
        let said = said.await?.sat_per_kw;
        per_vb(said).ok_or_else(|| {
            NodeError::Other(format!("EstimateFee: {said} sat per kw is no fee rate").into())
        })
    }
}

fn per_vb(sat_per_kw: i64) -> Option<f64> {
    let sat_per_kw = f64::from(i32::try_from(sat_per_kw).ok()?);
    let rate = sat_per_kw * KW_PER_KVB / 1_000.0;
    (rate > 0.0 && rate <= MOST_SAT_PER_VB).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rate_is_refused() {
        assert_eq!(per_vb(2_500), Some(10.0));
        for odd in [0, -1, i64::MAX, i64::MIN, 30_000_000] {
            assert_eq!(per_vb(odd), None, "{odd}");
        }
    }
}
