namespace Registry.WebRtc.Sctp;

/// <summary>Comparison of numbers that wrap around (RFC 1982, RFC 9260 §1.6).</summary>
internal static class SerialNumber
{
    public static bool IsAfter(uint left, uint right) => (int)(left - right) > 0;

    public static bool IsAfter(ushort left, ushort right) => (short)(left - right) > 0;
}
