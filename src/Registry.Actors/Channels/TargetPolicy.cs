using System.Net;
using System.Net.Sockets;

namespace Registry.Actors.Channels;

/// <summary>Which targets may be dialled. No rule, no target; some addresses never. The rules may change while connections are up.</summary>
internal sealed class TargetPolicy
{
    private readonly Lock gate = new();
    private readonly HashSet<DialledTarget> dialled = [];
    private volatile IReadOnlyList<TargetRule> rules;

    private TargetPolicy(IReadOnlyList<TargetRule> rules) => this.rules = rules;

    /// <summary>Where the gateway itself listens.</summary>
    public OwnPorts Own { get; } = new();

    /// <summary>Reads rules.</summary>
    /// <exception cref="FormatException">Rules are malformed; the message quotes each.</exception>
    public static TargetPolicy Parse(IEnumerable<string> rules) => new(Read(rules));

    /// <summary>Puts other rules in the place of those there are. They hold for every dial from now on, and connections that they do not allow end.</summary>
    /// <returns>How many connections ended.</returns>
    /// <exception cref="FormatException">A rule is malformed, and nothing changed.</exception>
    public int Change(IEnumerable<string> changed)
    {
        rules = Read(changed);
        return EndDenied();
    }

    /// <summary>Never lets anybody dial an address that the gateway listens on; connections to it end.</summary>
    public void NeverDial(ProtocolType protocol, IPEndPoint endPoint)
    {
        Own.Add(protocol, endPoint);
        EndDenied();
    }

    /// <summary>Watches over a connection until it is disposed.</summary>
    /// <param name="target">What was dialled.</param>
    public IDisposable Hold(DialledTarget target)
    {
        lock (gate)
            dialled.Add(target);
        // The rules may have changed since the dial was allowed.
        if (Denies(target) is { } why)
            target.Deny(why);
        return new Held(this, target);
    }

    private static TargetRule[] Read(IEnumerable<string> rules)
    {
        List<TargetRule> read = [];
        List<string> wrong = [];
        foreach (var rule in rules)
        {
            try
            {
                read.Add(TargetRule.Parse(rule));
            }
            catch (FormatException e)
            {
                wrong.Add(e.Message);
            }
        }

        return wrong.Count == 0 ? [.. read] : throw new FormatException(string.Join(" ", wrong));
    }

    private int EndDenied()
    {
        DialledTarget[] all;
        lock (gate)
            all = [.. dialled];
        var ended = 0;
        foreach (var target in all)
            if (Denies(target) is { } why)
            {
                ended++;
                target.Deny(why);
            }

        return ended;
    }

    private TargetDenial? Denies(DialledTarget target) => Judge(target.Protocol, target.Host, target.EndPoint.Address, target.EndPoint.Port);

    private void Release(DialledTarget target)
    {
        lock (gate)
            dialled.Remove(target);
    }

    /// <summary>Whether any rule could allow this name and port, so that resolving it is worthwhile.</summary>
    public bool MayAllowName(string host, int port) => rules.Any(r => r.MayMatch(host, port));

    /// <summary>What forbids every dial of a name or address as the rules are now; null when one may succeed, which for a name its addresses decide.</summary>
    public TargetDenial? Judge(string host, int port) =>
        IPAddress.TryParse(host, out var address) ? Judge(ProtocolType.Tcp, host, address, port) : MayAllowName(host, port) ? null : TargetDenial.NoRule;

    /// <summary>Whether an address, reached under a name, may be dialled.</summary>
    /// <param name="host">The name or address that was asked for.</param>
    /// <param name="address">One of its addresses.</param>
    /// <param name="port">The port.</param>
    public bool Allows(string host, IPAddress address, int port) => Judge(ProtocolType.Tcp, host, address, port) is null;

    /// <summary>What forbids to dial an address that is reached under a name; null for nothing.</summary>
    /// <param name="protocol">TCP or UDP.</param>
    /// <param name="host">The name or address that was asked for.</param>
    /// <param name="address">One of its addresses.</param>
    /// <param name="port">The port.</param>
    public TargetDenial? Judge(ProtocolType protocol, string host, IPAddress address, int port)
    {
        var plain = Plain(address);
        if (IsNeverDialled(plain) || Embedded(plain).Any(e => IsNeverDialled(e) || IPAddress.IsLoopback(e)))
            return TargetDenial.NeverDialled;
        if (Own.Contains(protocol, plain, port) || Embedded(plain).Any(e => Own.Contains(protocol, e, port)))
            return TargetDenial.OwnPort;
        return rules.Any(r => r.Matches(host, plain, port)) ? null : TargetDenial.NoRule;
    }

    /// <summary>
    /// The one spelling of an address: an IPv4-mapped one as IPv4, and without a zone, which only link-local addresses need (RFC 4007 §6) and by which the
    /// same address would be another.
    /// </summary>
    internal static IPAddress Plain(IPAddress address) =>
        address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
        : address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0 ? new(address.GetAddressBytes())
        : address;

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
            || CloudMetadata.Contains(address);
    }

    // Of Amazon EC2 and of Google Compute Engine.
    private static readonly IPAddress[] CloudMetadata = [IPAddress.Parse("fd00:ec2::254"), IPAddress.Parse("fd20:ce::254")];

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

    private sealed class Held(TargetPolicy policy, DialledTarget target) : IDisposable
    {
        public void Dispose() => policy.Release(target);
    }
}
