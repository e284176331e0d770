using System.Globalization;
using System.Net;
using System.Text;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

/// <summary>Priorities and foundations of candidates and pairs (RFC 8445 §5.1.1.3, §5.1.2, §6.1.2.3).</summary>
internal static class IceCandidatePriority
{
    public const int Component = 1;
    public const ushort MaxLocalPreference = ushort.MaxValue;

    /// <summary>Highest preference among TCP candidates of one direction (RFC 6544 §4.2: 13 bits).</summary>
    public const ushort MaxTcpPreference = 0x1FFF;

    public const string Passive = "passive";
    public const string Active = "active";

    /// <summary>Type preferences recommended by RFC 8445 §5.1.2.2.</summary>
    public static uint Compute(IceCandidateType type, ushort localPreference)
    {
        uint typePreference = type switch
        {
            IceCandidateType.Host => 126,
            IceCandidateType.PeerReflexive => 110,
            IceCandidateType.ServerReflexive => 100,
            _ => 0,
        };
        return (typePreference << 24) | ((uint)localPreference << 8) | (256 - Component);
    }

    /// <summary>The same for TCP, below UDP of the same type (RFC 6544 §4.2); the type preferences are those that libwebrtc uses.</summary>
    public static uint ComputeTcp(IceCandidateType type, ushort localPreference) =>
        ((type == IceCandidateType.Host ? 90u : 80u) << 24) | ((uint)localPreference << 8) | (256 - Component);

    /// <summary>The direction's preference in front of the address's (RFC 6544 §4.2).</summary>
    public static ushort TcpLocalPreference(IceCandidateType type, string direction, ushort preference)
    {
        var directionPreference = (type, direction) switch
        {
            (IceCandidateType.Host, Active) => 6,
            (IceCandidateType.Host, _) => 4,
            (_, Active) => 4,
            _ => 2,
        };
        return (ushort)((directionPreference << 13) | (preference & MaxTcpPreference));
    }

    public static ushort LocalPreference(uint priority) => (ushort)(priority >> 8);

    /// <summary>The pair's priority from the controlling (G) and the controlled (D) agent's candidates (RFC 8445 §6.1.2.3).</summary>
    public static ulong ComputePair(uint controlling, uint controlled) =>
        ((ulong)Math.Min(controlling, controlled) << 32) + 2UL * Math.Max(controlling, controlled) + (controlling > controlled ? 1u : 0u);

    /// <summary>The same text for the same type, base address and server, whenever it is asked for (RFC 8445 §5.1.1.3).</summary>
    /// <param name="type">How the address was found.</param>
    /// <param name="baseAddress">From where packets are sent.</param>
    /// <param name="server">The server's address, or how it is reached; null without a server.</param>
    public static string Foundation(IceCandidateType type, IPAddress baseAddress, object? server = null) =>
        Crc32.Compute(Encoding.ASCII.GetBytes(server is null ? $"{type} udp {baseAddress}" : $"{type} udp {baseAddress} {server}")).ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether a packet to the address can leave from the candidate: they have family and transport in common.</summary>
    public static bool Leads(IceCandidate candidate, TransportAddress remote) =>
        candidate.Address.Contains(':', StringComparison.Ordinal) != remote.IsIPv4 && candidate.Protocol == (remote.IsTcp ? "tcp" : "udp");

    /// <summary>A host candidate of this machine.</summary>
    /// <param name="address">The interface's address.</param>
    /// <param name="port">The socket's port.</param>
    /// <param name="localPreference">Higher is preferred; differs between the addresses of one machine.</param>
    public static IceCandidate CreateHost(IPAddress address, int port, ushort localPreference) => new(
        Foundation(IceCandidateType.Host, address), Component, Compute(IceCandidateType.Host, localPreference),
        address.ToString(), port, IceCandidateType.Host);

    /// <summary>A host candidate of TCP (RFC 6544 §4.5).</summary>
    /// <param name="address">The interface's address.</param>
    /// <param name="port">Where this side listens, or 9 for an active candidate.</param>
    /// <param name="direction"><see cref="Passive"/> or <see cref="Active"/>.</param>
    /// <param name="preference">Higher is preferred; up to <see cref="MaxTcpPreference"/>, differs between the addresses of one machine.</param>
    public static IceCandidate CreateTcpHost(IPAddress address, int port, string direction, ushort preference) => new(
        Foundation(IceCandidateType.Host, address, $"tcp {direction}"), Component,
        ComputeTcp(IceCandidateType.Host, TcpLocalPreference(IceCandidateType.Host, direction, preference)), address.ToString(), port, IceCandidateType.Host)
    {
        Protocol = "tcp",
        TcpType = direction,
    };
}
