using System.Net;

namespace Registry;

/// <summary>Reads networks in CIDR form (RFC 4632), which are written with their host bits zero.</summary>
internal static class CidrNetwork
{
    /// <summary>Reads a network. A text whose host bits are set is none: nobody can tell whether the network is meant or one host.</summary>
    public static bool TryParse(string text, out IPNetwork network) =>
        IPNetwork.TryParse(text, out network) && AddressOf(text) is { } address && address.GetAddressBytes().AsSpan().SequenceEqual(network.BaseAddress.GetAddressBytes());

    /// <summary>What is wrong with a network whose host bits are set, and what may be meant; null for every other text.</summary>
    public static string? HostBits(string text) =>
        !TryParse(text, out var network) && AddressOf(text) is { } address && IPNetwork.TryParse(text, out _)
            ? $"has host bits that are set: write {network} for the network, or {address}/{8 * address.GetAddressBytes().Length} for that host alone"
            : null;

    private static IPAddress? AddressOf(string text) =>
        text.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash && IPAddress.TryParse(text.AsSpan(0, slash), out var address) ? address : null;
}
