using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc;

/// <summary>Local candidates: names are resolved and connections to relays opened here, what is said over them is the gatherer's.</summary>
internal sealed partial class PeerConnection
{
    private const int CredentialAttempts = 6;

    private static readonly TimeSpan CredentialRetry = TimeSpan.FromSeconds(15);

    private readonly List<(IceServerUrl Url, IceServer Server)> servers;
    private readonly IceGatherer gatherer;
    private readonly Dictionary<ushort, RelayReceiver> relays = [];
    private readonly CancellationTokenSource gatheringStop = new();
    private IceGatheringState gatheringState;
    private IceAgent? gatheredFor;
    private IReadOnlyList<IPEndPoint> gatheredAt = [];
    private int loggedErrors;
    private bool renewsCredentials;

    private bool IsRelayOnly => configuration.IceTransportPolicy == IceTransportPolicy.Relay;

    private static List<(IceServerUrl Url, IceServer Server)> ReadServers(IReadOnlyList<IceServer> servers) =>
        [.. servers.SelectMany(server => server.Urls, (server, url) => (IceServerUrl.Parse(url), server)).Take(IceGatheringOptions.MaxServers)];

    private void Gather()
    {
        if (gatheredFor == ice)
            return;
        gatheredFor = ice;
        gatheredAt = transport.LocalEndPoints;
        ChangeGatheringState(IceGatheringState.Gathering);
        gatherer.Start(Now, gatheredAt, TcpHosts());
        for (var server = 0; server < servers.Count; server++)
        {
            if (gatherer.IsToBeReached(server))
                Reach(server, default);
        }
        ApplyGathering(Now);
    }

    private void ChangeGatheringState(IceGatheringState next)
    {
        gatheringState = next;
        Raise(() => IceGatheringStateChanged?.Invoke(next));
    }

    private void ApplyGathering(TimeSpan now)
    {
        while (!released && gatherer.TryReadEvent(out var change))
        {
            switch (change.Kind)
            {
                case IceGatheringEventKind.CandidateFound:
                    var candidate = change.Candidate!;
                    ice.AddLocalCandidate(candidate, change.Relay);
                    ice.HandleTimeout(now);
                    Raise(() => IceCandidateFound?.Invoke(candidate));
                    break;
                case IceGatheringEventKind.Completed:
                    OnGathered();
                    break;
                case IceGatheringEventKind.RelayLost when SelectedRemote?.Relay == change.Relay:
                    Raise(() => LocalAddressesChanged?.Invoke());
                    break;
                case IceGatheringEventKind.RelayClosed:
                    if (relays.Remove(change.Relay, out var closed))
                        closed.Link.Dispose();
                    break;
                case IceGatheringEventKind.Reconnect:
                    Reach(change.ServerIndex, change.Server);
                    break;
                case IceGatheringEventKind.CredentialsExpiring:
                    RenewCredentials();
                    break;
            }
        }
        for (; loggedErrors < gatherer.Errors.Count; loggedErrors++)
            LogServerFailed(configuration.Name, gatherer.Errors[loggedErrors]);
    }

    private void OnGathered()
    {
        ChangeGatheringState(IceGatheringState.Complete);
        Raise(() => IceCandidateFound?.Invoke(null));
        // In a restart the path that is there may still come back.
        if (IsRelayOnly && ice.LocalCandidates.Count == 0 && replacedIce is null)
            Fail(PeerConnectionFailureKind.IceFailed, gatherer.Errors.Count == 0
                ? "Only relays may be used, and no TURN server is configured."
                : $"Only relays may be used, and none gave an address: {string.Join("; ", gatherer.Errors)}.");
    }

    /// <summary>Finds and connects to a server off the lock; a TURN server may have named another address.</summary>
    private void Reach(int server, TransportAddress alternate) => _ = Task.Run(async () =>
    {
        try
        {
            await ReachAsync(server, alternate).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or OperationCanceledException)
        {
            lock (gate)
            {
                if (!released)
                {
                    gatherer.ServerFailed(Now, server, $"cannot be reached: {e.InnerException?.Message ?? e.Message}");
                    Advance(Now);
                }
            }
            Schedule();
        }
    });

    private async Task ReachAsync(int server, TransportAddress alternate)
    {
        var url = servers[server].Url;
        IPAddress[] addresses = alternate != default ? [alternate.Address]
            : IPAddress.TryParse(url.Host, out var literal) ? [literal]
            : await Dns.GetHostAddressesAsync(url.Host, gatheringStop.Token).ConfigureAwait(false);
        if (addresses.Length == 0)
            throw new SocketException((int)SocketError.HostNotFound);
        // A relayed address is IPv4 unless asked otherwise, and so the server's should be.
        addresses = [.. addresses.OrderBy(address => address.AddressFamily == AddressFamily.InterNetworkV6)];
        if (!url.IsTurn)
        {
            AskStunServer(server, addresses);
            return;
        }
        for (var i = 0; ; i++)
        {
            try
            {
                var endPoint = new IPEndPoint(addresses[i], alternate != default ? alternate.Port : url.Port);
                AddRelay(server, await RelayLink.ConnectAsync(url.Kind, url.Host, endPoint, factory.RelayAuthorities, gatheringStop.Token).ConfigureAwait(false));
                return;
            }
            catch (SocketException) when (i + 1 < addresses.Length)
            {
                // One of several addresses does not answer.
            }
        }
    }

    private void AskStunServer(int server, IPAddress[] addresses)
    {
        lock (gate)
        {
            if (released)
                return;
            var families = transport.LocalEndPoints.Select(local => local.AddressFamily).ToHashSet();
            var asked = addresses.Where(address => families.Contains(address.AddressFamily)).DistinctBy(address => address.AddressFamily).ToArray();
            foreach (var address in asked)
                gatherer.AddStunServer(Now, server, TransportAddress.From(address, servers[server].Url.Port));
            if (asked.Length == 0)
                gatherer.ServerFailed(Now, server, "has no address of a family that this side uses");
            Advance(Now);
        }
        Schedule();
    }

    private void AddRelay(int server, MessageLink link)
    {
        lock (gate)
        {
            var number = gatherer.ReserveRelay();
            if (released || !gatherer.TryAddRelay(Now, number, server, CredentialsOf(servers[server].Server)))
            {
                link.Dispose();
                return;
            }
            var receiver = new RelayReceiver(this, number, link);
            relays.Add(number, receiver);
            link.Start(receiver);
            Advance(Now);
        }
        Schedule();
    }

    private TurnCredentials CredentialsOf(IceServer server) => new(
        server.Username ?? "", server.Credential ?? "", server.Expires is { } expires ? Now + (expires - factory.Time.GetUtcNow()) : TimeSpan.MaxValue);

    private void RenewCredentials()
    {
        if (configuration.IceServerProvider is null || renewsCredentials)
            return;
        renewsCredentials = true;
        _ = Task.Run(RenewCredentialsAsync);
    }

    private async Task RenewCredentialsAsync()
    {
        for (var attempt = 1; attempt <= CredentialAttempts && !gatheringStop.IsCancellationRequested; attempt++)
        {
            try
            {
                SetCredentials(await configuration.IceServerProvider!.GetServersAsync(gatheringStop.Token).ConfigureAwait(false));
                break;
            }
            catch (Exception e)
            {
                // The provider is the application's: whatever it throws, the present credentials serve until they expire.
                if (!gatheringStop.IsCancellationRequested)
                    LogNoCredentials(configuration.Name, attempt, e.Message);
            }
            await Task.Delay(CredentialRetry, factory.Time, gatheringStop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        lock (gate)
            renewsCredentials = false;
    }

    private void SetCredentials(IReadOnlyList<IceServer> fresh)
    {
        lock (gate)
        {
            if (released)
                return;
            for (var server = 0; server < servers.Count; server++)
            {
                var url = servers[server].Url;
                if (url.IsTurn && fresh.FirstOrDefault(f => f.Urls.Any(text => IceServerUrl.TryParse(text, out var other, out _) && other == url)) is { } found)
                    gatherer.SetCredentials(Now, server, CredentialsOf(found));
            }
            Advance(Now);
        }
        Schedule();
    }

    /// <summary>Takes a message of a relay's connection, as a datagram whose address carries the relay's number.</summary>
    private void OnRelayMessage(ushort relay, ReadOnlySpan<byte> message) => OnDatagrams(message, message.Length, new TransportAddress(0, 0, 0, relay));

    private void OnRelayDisconnected(ushort relay, string reason)
    {
        lock (gate)
        {
            if (!released)
            {
                gatherer.RelayDisconnected(Now, relay, reason);
                Advance(Now);
            }
        }
        Schedule();
    }

    /// <summary>Replaces a relay's message by the packet of a peer in it; false when it was something else.</summary>
    private bool TryUnwrap(TimeSpan now, ref Span<byte> datagram, ref TransportAddress remoteAddress)
    {
        if (!gatherer.TryUnwrap(now, remoteAddress.Relay, datagram, out var peer, out var packet) || packet.IsEmpty)
            return false;
        packet.CopyTo(datagram);
        datagram = datagram[..packet.Length];
        remoteAddress = peer;
        return true;
    }

    private void SendThroughRelay(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        var now = Now;
        var buffer = BufferPool.Rent(MaxDatagramToSend);
        if (gatherer.TryWrap(now, remote, datagram, buffer, out var length))
        {
            FlushRelays(now);
            if (relays.TryGetValue(remote.Relay, out var relay))
                relay.Link.Send(buffer.AsSpan(0, length));
        }
        BufferPool.Return(buffer);
    }

    /// <summary>What the relays must be told before the next packet.</summary>
    private void FlushRelays(TimeSpan now)
    {
        if (!gatherer.HasRelayOutput)
            return;
        var buffer = BufferPool.Rent(MaxDatagramToSend);
        FlushGatherer(now, buffer);
        BufferPool.Return(buffer);
    }

    private void FlushGatherer(TimeSpan now, byte[] buffer)
    {
        while (gatherer.TryWriteDatagram(now, buffer, out var length, out var remote))
        {
            if (remote.Relay == 0)
            {
                AnnounceCheck(buffer.AsSpan(0, length), remote);
                Send(buffer.AsSpan(0, length), remote);
            }
            else if (relays.TryGetValue(remote.Relay, out var relay))
            {
                relay.Link.Send(buffer.AsSpan(0, length));
            }
        }
    }

    private void ReleaseRelays()
    {
        // Off the lock: what is cancelled may be the application's.
        _ = gatheringStop.CancelAsync();
        gatherer.Release();
        RelayFarewell.Begin(gatherer, [.. relays.Values], factory);
        relays.Clear();
    }

    /// <summary>Carries the relay's number with its messages; after the connection's end to the farewell.</summary>
    internal sealed class RelayReceiver(PeerConnection connection, ushort number, MessageLink link) : IMessageLinkReceiver
    {
        private volatile RelayFarewell? farewell;

        public ushort Number => number;

        public MessageLink Link => link;

        public void RedirectTo(RelayFarewell next) => farewell = next;

        public void OnMessage(ReadOnlySpan<byte> message)
        {
            if (farewell is { } next)
                next.OnMessage(number, message);
            else
                connection.OnRelayMessage(number, message);
        }

        public void OnDisconnected(string reason)
        {
            if (farewell is { } next)
                next.OnDisconnected(number);
            else
                connection.OnRelayDisconnected(number, reason);
        }
    }
}
