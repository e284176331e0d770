using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

// Permissions, channels and the packets of peers: RFC 8656 §9 to §12.
internal sealed partial class TurnClient
{
    private readonly Dictionary<TransportAddress, Peer> peers = [];
    private readonly Dictionary<ushort, Peer> channels = [];
    private ushort nextChannel = ChannelData.FirstChannel;

    /// <summary>A peer this side exchanges packets with.</summary>
    private sealed class Peer(TransportAddress address)
    {
        public TransportAddress Address { get; } = address;

        /// <summary>The channel that is asked for or bound, or 0.</summary>
        public ushort Channel { get; set; }

        /// <summary>Whether the server has bound the channel, so that packets may use it.</summary>
        public bool IsBound { get; set; }

        /// <summary>When the last packet was sent to it.</summary>
        public TimeSpan LastUse { get; set; }

        public TimeSpan RenewAt { get; set; }
    }

    private TimeSpan NextRenewal
    {
        get
        {
            var next = TimeSpan.MaxValue;
            foreach (var peer in peers.Values)
                next = Earlier(next, peer.RenewAt);
            return next;
        }
    }

    /// <summary>
    /// Packs a packet for a peer: into ChannelData when the peer has a channel, else into a Send indication, before which the first
    /// one's permission is asked for. The request goes first, so over most paths it is granted when the packet comes.
    /// </summary>
    /// <returns>False when there is no allocation, the packet does not fit, or there are too many peers: the packet is lost.</returns>
    public bool TryWrap(TimeSpan now, TransportAddress address, ReadOnlySpan<byte> packet, Span<byte> destination, out int written)
    {
        written = 0;
        if (State != TurnState.Allocated || address.IsIPv4 != Relayed.IsIPv4 || FindOrAdd(now, address) is not { } peer)
            return false;
        peer.LastUse = now;
        if (peer.IsBound)
        {
            if (StunFormat.Padded(packet.Length) + ChannelData.HeaderLength > destination.Length)
                return false;
            written = ChannelData.Write(destination, peer.Channel, packet, pad: isStream);
            return true;
        }
        const int Overhead = StunFormat.HeaderLength + 3 * StunFormat.AttributeHeaderLength + 20 + sizeof(uint);
        if (StunFormat.Padded(packet.Length) + Overhead > Math.Min(destination.Length, StunFormat.MaximumLength))
            return false;
        var writer = new StunWriter(destination, StunClass.Indication, StunMethod.Send, CreateTransactionId());
        writer.WriteXorAddress(StunAttributeType.XorPeerAddress, address);
        writer.Write(StunAttributeType.Data, packet);
        written = writer.Finish([]);
        return true;
    }

    /// <summary>Gives the peer a channel (RFC 8656 §12.1), which saves 40 bytes of each packet and the server work.</summary>
    public void BindChannel(TimeSpan now, TransportAddress address)
    {
        if (State != TurnState.Allocated || nextChannel > ChannelData.LastChannel || FindOrAdd(now, address) is not { Channel: 0 } peer)
            return;
        peer.Channel = nextChannel++;
        channels[peer.Channel] = peer;
        Renew(now, peer);
        ComputeNextTimeout();
    }

    /// <summary>Takes a message from the server: an answer, or the packet of a peer.</summary>
    /// <returns>True when it is a packet of a peer that this side has asked to hear.</returns>
    public bool HandleMessage(TimeSpan now, ReadOnlySpan<byte> message, out TransportAddress address, out ReadOnlySpan<byte> packet)
    {
        address = default;
        packet = default;
        if (State == TurnState.Closed)
            return false;
        if (ChannelData.TryRead(message, out var number, out packet))
        {
            if (!channels.TryGetValue(number, out var peer))
                return false;
            address = peer.Address;
            return true;
        }
        if (!StunMessage.TryParse(message, out var stun))
            return false;
        if (stun.Class is StunClass.SuccessResponse or StunClass.ErrorResponse)
        {
            HandleResponse(now, stun);
            return false;
        }
        return stun.Class == StunClass.Indication && stun.Method == StunMethod.Data
            && stun.TryGetXorAddress(StunAttributeType.XorPeerAddress, out address) && stun.TryGet(StunAttributeType.Data, out packet)
            && IsPermitted(address);
    }

    /// <summary>Permissions are for all ports of an address (RFC 8656 §9): the peer may come from another one than it told.</summary>
    private bool IsPermitted(TransportAddress address)
    {
        if (peers.ContainsKey(address))
            return true;
        foreach (var peer in peers.Keys)
        {
            if (peer.High == address.High && peer.Low == address.Low)
                return true;
        }
        return false;
    }

    private Peer? FindOrAdd(TimeSpan now, TransportAddress address)
    {
        if (peers.TryGetValue(address, out var known))
            return known;
        if (peers.Count >= options.MaxPeers)
            return null;
        var peer = new Peer(address) { LastUse = now };
        peers[address] = peer;
        Renew(now, peer);
        ComputeNextTimeout();
        return peer;
    }

    private void RenewPeers(TimeSpan now)
    {
        foreach (var peer in peers.Values)
        {
            if (now < peer.RenewAt)
                continue;
            if (now - peer.LastUse < options.IdlePermission)
                Renew(now, peer);
            else
                Forget(peer);   // removing does not disturb the enumeration
        }
    }

    /// <summary>Asks for the permission or the channel, the latter being both (RFC 8656 §12).</summary>
    private void Renew(TimeSpan now, Peer peer)
    {
        peer.RenewAt = now + options.RenewPermissionAfter;
        Begin(new(peer.Channel == 0 ? StunMethod.CreatePermission : StunMethod.ChannelBind, CreateTransactionId()) { Peer = peer.Address, Channel = peer.Channel });
    }

    private void OnChannelBound(TurnTransaction transaction)
    {
        if (peers.TryGetValue(transaction.Peer, out var peer) && peer.Channel == transaction.Channel)
            peer.IsBound = true;
    }

    /// <summary>The server does not permit the peer, or did not answer: the next packet to it asks again.</summary>
    private void OnPeerRefused(TransportAddress address)
    {
        if (peers.TryGetValue(address, out var peer))
            Forget(peer);
    }

    private void Forget(Peer peer)
    {
        peers.Remove(peer.Address);
        channels.Remove(peer.Channel);
    }

    private void ForgetPeers()
    {
        peers.Clear();
        channels.Clear();
    }
}
