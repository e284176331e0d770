using System.Net;
using System.Net.Sockets;

namespace Registry.Actors.Channels;

/// <summary>Which targets may be dialled. No rule, no target; some addresses never.</summary>
internal sealed class TargetPolicy(IReadOnlyList<TargetRule> rules)
{
    /// <summary>Reads rules.</summary>
    /// <exception cref="FormatException">A rule is malformed; the message quotes it.</exception>
    public static TargetPolicy Parse(IEnumerable<string> rules) => new([.. rules.Select(TargetRule.Parse)]);

    /// <summary>Whether any rule could allow this name and port, so that resolving it is worthwhile.</summary>
    public bool MayAllowName(string host, int port) => rules.Any(r => r.MayMatch(host, port));

    /// <summary>Whether an address, reached under a name, may be dialled.</summary>
    /// <param name="host">The name or address that was asked for.</param>
    /// <param name="address">One of its addresses.</param>
    /// <param name="port">The port.</param>
    public bool Allows(string host, IPAddress address, int port)
    {
        var plain = Plain(address);
        return !IsNeverDialled(plain) && !Embedded(plain).Any(e => IsNeverDialled(e) || IPAddress.IsLoopback(e))
            && rules.Any(r => r.Matches(host, plain, port));
    }

    /// <summary>An IPv4-mapped address as IPv4.</summary>
    internal static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsNeverDialled(IPAddress address)
    {
        Span<byte> b = stackalloc byte[16];
        address.TryWriteBytes(b, out var length);
        if (length == 4)
            return b[0] == 0                                   // "this network" (RFC 1122 §3.2.1.3)
                || b[0] == 169 && b[1] == 254                  // link-local (RFC 3927), where cloud metadata lives
                || b[0] >= 224                                 // multicast, reserved and broadcast (RFC 5771, RFC 1112 §4)
                || b[0] == 100 && b[1] == 100 && b[2] == 100 && b[3] == 200; // cloud metadata
        return address.IsIPv6LinkLocal || address.IsIPv6Multicast || address.IsIPv6SiteLocal || address.Equals(IPAddress.IPv6Any)
            || address.Equals(Ec2Metadata);
    }

    private static readonly IPAddress Ec2Metadata = IPAddress.Parse("fd00:ec2::254");

    // IPv4 addresses that translators and tunnels would reach through this IPv6 address.
    private static IEnumerable<IPAddress> Embedded(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || address.Equals(IPAddress.IPv6Loopback) || address.Equals(IPAddress.IPv6Any))
            yield break;
        var b = address.GetAddressBytes();
        if (b.AsSpan(0, 12).IndexOfAnyExcept((byte)0) < 0 // IPv4-compatible (RFC 4291 §2.5.5.1)
            || b is [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, ..]) // NAT64 (RFC 6052 §2.1)
            yield return new(b.AsSpan(12));
        if (b is [0x20, 0x02, ..]) // 6to4 (RFC 3056)
            yield return new(b.AsSpan(2, 4));
        if (b is [0x20, 0x01, 0, 0, ..]) // Teredo (RFC 4380 §4): the client's address is inverted
            yield return new([(byte)~b[12], (byte)~b[13], (byte)~b[14], (byte)~b[15]]);
        if (b is [0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, ..] // IPv4-translated (RFC 2765 §2.1)
            || b is [_, _, _, _, _, _, _, _, 0 or 2, 0, 0x5E, 0xFE, ..]) // ISATAP (RFC 5214 §6.1)
            yield return new(b.AsSpan(12));
        if (b is [0, 0x64, 0xFF, 0x9B, 0, 1, ..]) // NAT64 of this site (RFC 8215), with a prefix of 48, 56, 64 or 96 bits (RFC 6052 §2.2)
        {
            yield return new([b[6], b[7], b[9], b[10]]);
            yield return new([b[7], b[9], b[10], b[11]]);
            yield return new(b.AsSpan(9, 4));
            yield return new(b.AsSpan(12));
        }
    }
}
