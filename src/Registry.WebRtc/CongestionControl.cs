namespace Registry.WebRtc;

/// <summary>How an SCTP association decides how much it sends.</summary>
public enum CongestionControl
{
    /// <summary>Follows a model of the path, its bandwidth and round trip; random loss hardly slows it.</summary>
    Bbr,
    /// <summary>CUBIC (RFC 9438): every loss is congestion.</summary>
    Cubic,
}
