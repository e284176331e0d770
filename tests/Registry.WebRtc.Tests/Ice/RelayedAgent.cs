using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Tests.Turn;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Tests.Ice;

/// <summary>A gatherer and an agent on the simulated network, with a port of its own for each relay, as the peer connection joins them.</summary>
internal sealed class RelayedAgent : ISimulatedEndpoint
{
    private static readonly TurnCredentials Credentials = new(TurnServerEndpoint.Username, TurnServerEndpoint.Password, TimeSpan.MaxValue);

    private readonly SimulatedNetwork network;
    private readonly IReadOnlyList<IceServerUrl> servers;
    private readonly Dictionary<ushort, Link> links = [];
    private readonly byte[] packet = new byte[1500];
    private readonly byte[] wrapped = new byte[1600];
    private RelayedAgent? peer;

    public RelayedAgent(SimulatedNetwork network, string address, IceRole role, string[] servers, bool relayOnly = false, int seed = 1)
    {
        var random = new Random(seed);
        this.network = network;
        this.servers = [.. servers.Select(IceServerUrl.Parse)];
        EndPoint = IPEndPoint.Parse(address);
        Gatherer = new(new() { RelayOnly = relayOnly }, this.servers, bytes => random.NextBytes(bytes));
        Agent = new(new() { RelayOnly = relayOnly }, IceCredentials.Create(), (ulong)random.NextInt64(), bytes => random.NextBytes(bytes)) { Role = role };
        network.Attach(TransportAddress.From(EndPoint), this);
    }

    public IPEndPoint EndPoint { get; }
    public IceGatherer Gatherer { get; }
    public IceAgent Agent { get; }
    public List<IceCandidate> Candidates { get; } = [];
    public bool IsGathered { get; private set; }
    public TimeSpan GatheredAt { get; private set; }
    public List<IceGatheringEvent> Others { get; } = [];

    public TimeSpan NextTimeout => Gatherer.NextTimeout < Agent.NextTimeout ? Gatherer.NextTimeout : Agent.NextTimeout;

    public bool IsConnected => Agent.State is IceConnectionState.Connected or IceConnectionState.Completed;

    /// <summary>Tells the peer the credentials at once and every candidate when it is found.</summary>
    public void Knows(RelayedAgent other)
    {
        peer = other;
        Agent.SetRemoteCredentials(network.Now, other.Agent.LocalCredentials.UsernameFragment, other.Agent.LocalCredentials.Password, isLite: false);
    }

    public void Gather()
    {
        IsGathered = false;
        Gatherer.Start(network.Now, [EndPoint], []);
        for (var server = 0; server < servers.Count; server++)
        {
            if (Gatherer.IsToBeReached(server))
                Reach(server, AddressOf(server));
        }
        network.Flush();
    }

    public void HandleTimeout(TimeSpan now)
    {
        if (Gatherer.NextTimeout <= now)
            Gatherer.HandleTimeout(now);
        if (Agent.NextTimeout <= now)
            Agent.HandleTimeout(now);
    }

    public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
    {
        if (!Gatherer.TryHandleDatagram(now, source, datagram))
            Agent.HandleDatagram(now, source, datagram);
    }

    public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
    {
        ApplyEvents(now);
        while (true)
        {
            if (Gatherer.TryWriteDatagram(now, destination, out written, out remote))
            {
                if (remote.Relay == 0)
                    return true;
                links[remote.Relay].Send(destination[..written]);
                continue;
            }
            if (!Agent.TryWriteDatagram(now, destination, out written, out remote))
                return false;
            if (remote.Relay == 0)
                return true;
            destination[..written].CopyTo(packet);
            if (!Gatherer.TryWrap(now, remote, packet.AsSpan(0, written), wrapped, out var length))
                continue;
            while (Gatherer.TryWriteDatagram(now, destination, out written, out var relay))
                links[relay.Relay].Send(destination[..written]);
            links[remote.Relay].Send(wrapped.AsSpan(0, length));
        }
    }

    private TransportAddress AddressOf(int server) => TransportAddress.From(IPAddress.Parse(servers[server].Host), servers[server].Port);

    private void Reach(int server, TransportAddress address)
    {
        if (!servers[server].IsTurn)
        {
            Gatherer.AddStunServer(network.Now, server, address);
            return;
        }
        var number = Gatherer.ReserveRelay();
        links[number] = new(this, number, address);
        network.Attach(TransportAddress.From(EndPoint.Address, EndPoint.Port + number), links[number]);
        Gatherer.TryAddRelay(network.Now, number, server, Credentials).ShouldBeTrue();
    }

    private void ApplyEvents(TimeSpan now)
    {
        while (Gatherer.TryReadEvent(out var change))
        {
            switch (change.Kind)
            {
                case IceGatheringEventKind.CandidateFound:
                    Candidates.Add(change.Candidate!);
                    Agent.AddLocalCandidate(change.Candidate!, change.Relay);
                    Agent.HandleTimeout(now);
                    peer?.Agent.AddRemoteCandidate(now, change.Candidate!);
                    break;
                case IceGatheringEventKind.Completed:
                    (IsGathered, GatheredAt) = (true, now);
                    peer?.Agent.EndOfRemoteCandidates(now);
                    break;
                case IceGatheringEventKind.Reconnect:
                    Reach(change.ServerIndex, change.Server == default ? AddressOf(change.ServerIndex) : change.Server);
                    break;
                default:
                    Others.Add(change);
                    break;
            }
        }
        while (Agent.TryReadEvent(out var change))
        {
            if (change.Kind == IceEventKind.SelectedPairChanged)
                Gatherer.PreferPath(now, change.Remote);
        }
    }

    /// <summary>The port of one relay.</summary>
    private sealed class Link(RelayedAgent owner, ushort number, TransportAddress server) : ISimulatedEndpoint
    {
        private readonly Queue<byte[]> output = new();

        // What the owner sends through the link is picked up at once.
        public TimeSpan NextTimeout => output.Count > 0 ? TimeSpan.Zero : TimeSpan.MaxValue;

        public void Send(ReadOnlySpan<byte> message) => output.Enqueue(message.ToArray());

        public void HandleTimeout(TimeSpan now)
        {
        }

        public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
        {
            source.ShouldBe(server);
            if (owner.Gatherer.TryUnwrap(now, number, datagram, out var remote, out var packet))
                owner.Agent.HandleDatagram(now, remote, packet);
            owner.network.Flush();
        }

        public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote)
        {
            (written, remote) = (0, server);
            if (!output.TryDequeue(out var next))
                return false;
            next.CopyTo(destination);
            written = next.Length;
            return true;
        }
    }
}
