using System.Net;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.Ice;

/// <summary>Agents joined by a seeded network in virtual time.</summary>
internal sealed class IceNetwork(int seed)
{
    private readonly Random random = new(seed);
    private readonly PriorityQueue<(TransportAddress From, TransportAddress To, byte[] Data), (TimeSpan, int)> inFlight = new();
    private readonly byte[] buffer = new byte[1500];
    private int sequence;

    public TimeSpan Now { get; private set; }
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(1);
    public double Loss { get; set; }
    public double Duplication { get; set; }

    /// <summary>Most that is added to <see cref="Delay"/>; packets overtake each other.</summary>
    public TimeSpan Jitter { get; set; }
    public List<IceNode> Nodes { get; } = [];

    /// <summary>Whether a datagram is carried; asked in addition to <see cref="Loss"/>.</summary>
    public Func<TransportAddress, TransportAddress, bool> Carries { get; set; } = (_, _) => true;

    /// <summary>Rewrites source and destination, as an address translator on the way does.</summary>
    public Func<TransportAddress, TransportAddress, (TransportAddress From, TransportAddress To)> Translate { get; set; } = (from, to) => (from, to);

    public IceNode Add(string address, IceRole role, IceOptions? options = null, ulong tieBreaker = 0)
    {
        var node = new IceNode(this, address, role, options ?? IceOptions.Default, tieBreaker == 0 ? (ulong)random.NextInt64() : tieBreaker, random.Next());
        Nodes.Add(node);
        return node;
    }

    /// <summary>Sends what the agents have to send, after a call on one of them.</summary>
    public void Flush()
    {
        foreach (var node in Nodes)
        {
            while (node.Agent.TryWriteDatagram(Now, buffer, out var written, out var remote))
            {
                node.Sent++;
                if (random.NextDouble() < Loss || !Carries(node.Address, remote))
                    continue;
                var (from, to) = Translate(node.Address, remote);
                for (var copies = random.NextDouble() < Duplication ? 2 : 1; copies > 0; copies--)
                    inFlight.Enqueue((from, to, buffer[..written]), (Now + Delay + Jitter * random.NextDouble(), sequence++));
            }
            while (node.Agent.TryReadEvent(out var e))
                node.Events.Add((Now, e));
        }
    }

    /// <summary>Runs until the condition holds, or the time is over.</summary>
    public bool Run(TimeSpan duration, Func<bool>? until = null)
    {
        var end = Now + duration;
        Flush();
        while (until?.Invoke() != true)
        {
            var next = Nodes.Min(n => n.Agent.NextTimeout);
            if (inFlight.TryPeek(out _, out var arrival) && arrival.Item1 < next)
                next = arrival.Item1;
            if (next > end)
            {
                Now = end;
                return until is null;
            }
            if (next > Now)
                Now = next;
            Step();
        }
        return true;
    }

    /// <summary>Lets time pass in which no agent runs.</summary>
    public void StandStill(TimeSpan duration) => Now += duration;

    private void Step()
    {
        while (inFlight.TryPeek(out var datagram, out var arrival) && arrival.Item1 <= Now)
        {
            inFlight.Dequeue();
            Nodes.Find(n => n.Address == datagram.To)?.Agent.HandleDatagram(Now, datagram.From, datagram.Data);
            Flush();
        }
        foreach (var node in Nodes)
        {
            if (node.Agent.NextTimeout <= Now)
            {
                var due = node.Agent.NextTimeout;
                node.Agent.HandleTimeout(Now);
                Flush();
                node.Agent.NextTimeout.ShouldBeGreaterThan(due, "a timeout that was handled must not stay due");
            }
        }
    }
}

/// <summary>One agent at one address.</summary>
internal sealed class IceNode
{
    private readonly IceNetwork network;

    public IceNode(IceNetwork network, string address, IceRole role, IceOptions options, ulong tieBreaker, int seed)
    {
        this.network = network;
        var endPoint = IPEndPoint.Parse(address);
        Address = TransportAddress.From(endPoint);
        Candidate = IceCandidatePriority.CreateHost(endPoint.Address, endPoint.Port, ushort.MaxValue);
        var random = new Random(seed);
        Agent = new IceAgent(options, IceCredentials.Create(), tieBreaker, bytes => random.NextBytes(bytes)) { Role = role };
        Agent.AddLocalCandidate(Candidate);
    }

    public IceAgent Agent { get; }
    public TransportAddress Address { get; set; }
    public IceCandidate Candidate { get; }
    public int Sent { get; set; }
    public List<(TimeSpan At, IceEvent Event)> Events { get; } = [];

    public IEnumerable<IceConnectionState> States =>
        Events.Where(e => e.Event.Kind == IceEventKind.StateChanged).Select(e => e.Event.State);

    public bool IsConnected => Agent.State is IceConnectionState.Connected or IceConnectionState.Completed;

    public IceNode KnowsCredentialsOf(IceNode peer, bool isLite = false)
    {
        Agent.SetRemoteCredentials(network.Now, peer.Agent.LocalCredentials.UsernameFragment, peer.Agent.LocalCredentials.Password, isLite);
        network.Flush();
        return this;
    }

    public IceNode KnowsCandidatesOf(IceNode peer, bool ended = true)
    {
        Learns(peer.Candidate);
        if (ended)
            Ended();
        return this;
    }

    public IceNode Learns(IceCandidate candidate)
    {
        Agent.AddRemoteCandidate(network.Now, candidate);
        network.Flush();
        return this;
    }

    public IceNode Ended()
    {
        Agent.EndOfRemoteCandidates(network.Now);
        network.Flush();
        return this;
    }
}
