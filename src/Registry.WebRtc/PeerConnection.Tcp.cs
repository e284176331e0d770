using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>
/// Paths over TCP (RFC 6544). Accepted connections come from the factory's port once a check over them has named this peer connection; with
/// <see cref="PeerConnectionFactoryOptions.ConnectsOverTcp"/> checks of the peer's passive candidates make connections.
/// </summary>
internal sealed partial class PeerConnection : ITcpLinkOwner
{
    private const int MaxTcpLinks = 16;

    private readonly Dictionary<TransportAddress, TcpLink> tcpLinks = [];

    bool ITcpLinkOwner.TryAccept(TcpLink link)
    {
        lock (gate)
        {
            if (released || IsRelayOnly || tcpLinks.Count >= MaxTcpLinks)
                return false;
            AddTcpLink(link);
            return true;
        }
    }

    void ITcpLinkOwner.OnClosed(TcpLink link)
    {
        lock (gate)
        {
            if (tcpLinks.TryGetValue(link.Remote, out var present) && present == link)
                tcpLinks.Remove(link.Remote);
        }
    }

    /// <summary>Candidates of TCP: where this side listens, and that it connects, which has no port of its own until then (RFC 6544 §4.5: 9).</summary>
    private IEnumerable<IceCandidate> TcpHosts()
    {
        const int DiscardPort = 9;
        var preference = IceCandidatePriority.MaxTcpPreference;
        foreach (var host in factory.TcpEndPoints)
            yield return IceCandidatePriority.CreateTcpHost(host.Address, host.Port, IceCandidatePriority.Passive, preference--);
        if (!factory.ConnectsOverTcp)
            yield break;
        foreach (var host in gatheredAt)
            yield return IceCandidatePriority.CreateTcpHost(host.Address, DiscardPort, IceCandidatePriority.Active, preference--);
    }

    /// <summary>Makes the connection that a check of the peer's passive candidate needs. Data never does: it goes where a check went.</summary>
    private void ConnectForCheck(TransportAddress remote)
    {
        if (tcpLinks.ContainsKey(remote) || tcpLinks.Count >= MaxTcpLinks || !(ice.CanConnectTo(remote) || replacedIce?.CanConnectTo(remote) == true))
            return;
        var link = TcpLink.To(remote, this, factory.Time);
        AddTcpLink(link);
        link.Start();
    }

    private void AddTcpLink(TcpLink link)
    {
        if (tcpLinks.Remove(link.Remote, out var stale))
            stale.Dispose();
        tcpLinks.Add(link.Remote, link);
        // The agent tells of an address once, also when the connection to it is a further one.
        if (learnedAddresses.Contains(link.Remote))
            link.Prove();
    }

    private void SendOverTcp(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        if (tcpLinks.TryGetValue(remote, out var link))
            link.Send(datagram);
    }

    private void ReleaseTcpLinks()
    {
        foreach (var link in tcpLinks.Values.ToArray())
            link.Dispose();
    }
}
