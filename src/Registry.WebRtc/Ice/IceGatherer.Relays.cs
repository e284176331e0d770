using System.Net;
using Registry.WebRtc.Net;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Ice;

// Relays: allocations as candidates, and the packets that go through them for the rest of the connection.
internal sealed partial class IceGatherer
{
    /// <summary>Other connections that a server may ask for, all together (RFC 8656 §7.4 warns of loops).</summary>
    private const int MaxReconnects = 4;

    private readonly Dictionary<ushort, Relay> relays = [];
    private ushort lastRelay;
    private int reconnects;

    private sealed record Relay(ushort Number, int ServerIndex, TurnClient Client)
    {
        /// <summary>Whether the server's part in gathering is over.</summary>
        public bool IsSettled { get; set; }

        /// <summary>Whether the relay is from an earlier gathering, and the server has not said yet that it still has it.</summary>
        public bool IsBeingConfirmed { get; set; }
    }

    /// <summary>Relays that are not closed.</summary>
    public int OpenRelays => relays.Count;

    /// <summary>Whether a relay has to be told something, so that it should be before the next packet.</summary>
    public bool HasRelayOutput
    {
        get
        {
            foreach (var relay in relays.Values)
            {
                if (relay.Client.HasOutput)
                    return true;
            }
            return false;
        }
    }

    /// <summary>Number of the next relay: its owner needs it before the connection can deliver anything.</summary>
    public ushort ReserveRelay() => ++lastRelay;

    /// <summary>A connection to a TURN server is open: an address is asked for over it.</summary>
    /// <param name="now">The time.</param>
    /// <param name="number">A reserved number; addresses reached through the relay carry it.</param>
    /// <param name="server">The server's index.</param>
    /// <param name="credentials">What the server is told.</param>
    /// <returns>False when gathering is over, so that the connection is not wanted.</returns>
    public bool TryAddRelay(TimeSpan now, ushort number, int server, TurnCredentials credentials)
    {
        if (IsComplete || !pending.Contains(server))
            return false;
        var client = new TurnClient(options.Turn, credentials, isStream: servers[server].Kind != IceServerKind.TurnUdp, random);
        relays.Add(number, new(number, server, client));
        client.Allocate(now);
        Advance(now);
        return true;
    }

    /// <summary>The connection to a relay has broken.</summary>
    public void RelayDisconnected(TimeSpan now, ushort number, string reason)
    {
        if (!relays.TryGetValue(number, out var relay))
            return;
        relay.Client.OnDisconnected(reason);
        Advance(now);
    }

    /// <summary>Fresh credentials for the relays of a server.</summary>
    public void SetCredentials(TimeSpan now, int server, TurnCredentials credentials)
    {
        foreach (var relay in relays.Values)
        {
            if (relay.ServerIndex == server)
                relay.Client.SetCredentials(now, credentials);
        }
        Advance(now);
    }

    /// <summary>Data will flow to the address: a relay gives it a channel.</summary>
    public void PreferPath(TimeSpan now, TransportAddress remote)
    {
        if (remote.Relay != 0 && relays.TryGetValue(remote.Relay, out var relay))
            relay.Client.BindChannel(now, remote with { Relay = 0 });
        ComputeNextTimeout();
    }

    /// <summary>Packs a packet for an address behind a relay; send what <see cref="TryWriteDatagram"/> has first.</summary>
    /// <returns>False when the packet is lost.</returns>
    public bool TryWrap(TimeSpan now, TransportAddress remote, ReadOnlySpan<byte> packet, Span<byte> destination, out int written)
    {
        written = 0;
        if (!relays.TryGetValue(remote.Relay, out var relay) || !relay.Client.TryWrap(now, remote with { Relay = 0 }, packet, destination, out written))
            return false;
        if (relay.Client.NextTimeout < NextTimeout)
            NextTimeout = relay.Client.NextTimeout;
        return true;
    }

    /// <summary>Takes a message from a relay.</summary>
    /// <returns>True when it is a packet of a peer, whose address then carries the relay's number.</returns>
    public bool TryUnwrap(TimeSpan now, ushort number, ReadOnlySpan<byte> message, out TransportAddress remote, out ReadOnlySpan<byte> packet)
    {
        remote = default;
        packet = default;
        if (!relays.TryGetValue(number, out var relay))
            return false;
        if (relay.Client.HandleMessage(now, message, out var peer, out packet))
        {
            remote = peer with { Relay = number };
            return true;
        }
        Advance(now);
        return false;
    }

    /// <summary>Writes the next datagram to send; call until false.</summary>
    /// <param name="now">The time.</param>
    /// <param name="destination">At least 1,500 bytes.</param>
    /// <param name="written">Its length.</param>
    /// <param name="remote">Where to send it; one with a relay's number is for the connection to that relay.</param>
    public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
    {
        foreach (var relay in relays.Values)
        {
            if (relay.Client.TryWriteMessage(now, destination, out written))
            {
                remote = new TransportAddress(0, 0, 0, relay.Number);
                ComputeNextTimeout();
                return true;
            }
        }
        foreach (var query in queries)
        {
            if (!query.IsSendPending)
                continue;
            written = query.Write(now, destination, options);
            remote = query.Server;
            ComputeNextTimeout();
            return true;
        }
        (written, remote) = (0, default);
        return false;
    }

    /// <summary>Gives every relay back and gathers no more.</summary>
    public void Release()
    {
        foreach (var relay in relays.Values)
            relay.Client.Release();
        pending.Clear();
        queries.Clear();
        IsComplete = true;
        deadline = TimeSpan.MaxValue;
        Advance(TimeSpan.Zero);
    }

    private void ApplyRelayEvents()
    {
        foreach (var relay in relays.Values)
        {
            while (relay.Client.TryReadEvent(out var change))
                Apply(relay, change);
            if (relay.Client.State != TurnState.Closed)
                continue;
            relays.Remove(relay.Number);   // removing does not disturb the enumeration
            events.Enqueue(new(IceGatheringEventKind.RelayClosed, relay.Number));
        }
    }

    private void Apply(Relay relay, TurnEvent change)
    {
        switch (change.Kind)
        {
            case TurnEventKind.Allocated when !IsComplete:
                FindRelayed(relay);
                SettleRelay(relay, null);
                break;
            case TurnEventKind.Reconnect when !IsComplete && ++reconnects <= MaxReconnects:
                events.Enqueue(new(IceGatheringEventKind.Reconnect) { ServerIndex = relay.ServerIndex, Server = change.Server });
                break;
            case TurnEventKind.Reconnect:
                SettleRelay(relay, "sends from one server to the next");
                break;
            case TurnEventKind.Confirmed when relay.IsBeingConfirmed && !IsComplete:
                relay.IsBeingConfirmed = false;
                FindRelayed(relay);
                Settle(relay.ServerIndex, null);
                break;
            case TurnEventKind.CredentialsExpiring:
                events.Enqueue(new(IceGatheringEventKind.CredentialsExpiring, relay.Number));
                break;
            case TurnEventKind.Failed:
                OnFailed(relay, $"failed: {relay.Client.Failure!.Message}");
                break;
        }
    }

    private bool HasRelayOf(int server)
    {
        foreach (var relay in relays.Values)
        {
            if (relay.ServerIndex == server && relay.Client.State == TurnState.Allocated)
                return true;
        }
        return false;
    }

    /// <summary>A relay that has been given may be lost without its client knowing, and a restart may be because of that.</summary>
    private void ConfirmPresentRelays(TimeSpan now)
    {
        foreach (var relay in relays.Values)
        {
            if (relay.Client.State != TurnState.Allocated)
                continue;
            relay.IsBeingConfirmed = true;
            relay.Client.Confirm(now);
        }
    }

    private void OnFailed(Relay relay, string error)
    {
        var wasGiven = relay.IsSettled;
        SettleRelay(relay, error);
        // While its server is still waited for, another address on it takes the place of the lost one.
        if (relay.IsBeingConfirmed && pending.Contains(relay.ServerIndex) && ++reconnects <= MaxReconnects)
            events.Enqueue(new(IceGatheringEventKind.Reconnect) { ServerIndex = relay.ServerIndex });
        else if (wasGiven)
            events.Enqueue(new(IceGatheringEventKind.RelayLost, relay.Number));
    }

    private void SettleRelay(Relay relay, string? error)
    {
        if (relay.IsSettled && error is not null)
            errors.Add($"{servers[relay.ServerIndex]} {error}");
        else if (!relay.IsSettled)
            Settle(relay.ServerIndex, error);
        relay.IsSettled = true;
    }

    /// <summary>Relays that took too long: a candidate that nobody was told of is of no use.</summary>
    private void CloseUnfinishedRelays()
    {
        foreach (var relay in relays.Values)
        {
            if (relay.Client.State != TurnState.Allocating)
                continue;
            relay.Client.Release();
            relays.Remove(relay.Number);
            events.Enqueue(new(IceGatheringEventKind.RelayClosed, relay.Number));
        }
    }

    private void FindRelayed(Relay relay)
    {
        var (client, kind) = (relay.Client, servers[relay.ServerIndex].Kind);
        // Relays over UDP before those over TCP before those over TLS, and earlier servers before later ones.
        var preference = (ushort)(0x4000 - 0x1000 * (kind - IceServerKind.TurnUdp) - relay.ServerIndex);
        var hidden = client.Relayed.IsIPv4 ? IPAddress.Any : IPAddress.IPv6Any;
        var related = options.RelayOnly || client.Mapped.Port == 0 ? new IPEndPoint(hidden, 0) : new IPEndPoint(client.Mapped.Address, client.Mapped.Port);
        Find(new IceCandidate(
            IceCandidatePriority.Foundation(IceCandidateType.Relay, client.Relayed.Address, kind), IceCandidatePriority.Component,
            IceCandidatePriority.Compute(IceCandidateType.Relay, preference), client.Relayed.Address.ToString(), client.Relayed.Port, IceCandidateType.Relay)
        {
            RelatedAddress = related,
        }, relay.Number);
    }
}
