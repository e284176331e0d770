using System.Net;
using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using Registry.WebRtc;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;

namespace Registry.Benchmarks;

/// <summary>A consent check of two connected agents that is due, written, verified, answered, and its answer verified: 0 bytes.</summary>
public class HotPathConsentBenchmarks
{
    private static readonly IPEndPoint oneAddress = new(IPAddress.Parse("192.0.2.1"), 4000);
    private static readonly IPEndPoint otherAddress = new(IPAddress.Parse("192.0.2.2"), 5000);

    private readonly byte[] buffer = new byte[1500];
    private (IceAgent Agent, TransportAddress Address) one;
    private (IceAgent Agent, TransportAddress Address) other;
    private TimeSpan now;

    /// <summary>Connects the agents.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        one = (Create(oneAddress, IceRole.Controlling), TransportAddress.From(oneAddress));
        other = (Create(otherAddress, IceRole.Controlled), TransportAddress.From(otherAddress));
        Introduce(one.Agent, other.Agent);
        Introduce(other.Agent, one.Agent);
        while (Carry(one, other.Agent) + Carry(other, one.Agent) > 0)
        {
            // Each side's first checks, and the nomination.
        }
        for (var i = 0; i < 100; i++)
            CheckConsent();
        var before = Answers;
        for (var i = 0; i < 100; i++)
            CheckConsent();
        if (Answers - before != 100)
            throw new InvalidOperationException($"{Answers - before} of 100 checks were answered.");
    }

    private long Answers => one.Agent.SelectedCounters!.ResponsesReceived + other.Agent.SelectedCounters!.ResponsesReceived;

    /// <summary>The next check of either side.</summary>
    [Benchmark]
    public int CheckConsent()
    {
        var (asking, asked) = one.Agent.NextTimeout < other.Agent.NextTimeout ? (one, other) : (other, one);
        now = asking.Agent.NextTimeout > now ? asking.Agent.NextTimeout : now;
        asking.Agent.HandleTimeout(now);
        return Carry(asking, asked.Agent) + Carry(asked, asking.Agent);
    }

    private static IceAgent Create(IPEndPoint address, IceRole role)
    {
        var agent = new IceAgent(IceOptions.Default, IceCredentials.Create(), tieBreaker: 1, RandomNumberGenerator.Fill) { Role = role };
        agent.AddLocalCandidate(IceCandidatePriority.CreateHost(address.Address, address.Port, ushort.MaxValue));
        return agent;
    }

    private void Introduce(IceAgent agent, IceAgent peer)
    {
        agent.SetRemoteCredentials(now, peer.LocalCredentials.UsernameFragment, peer.LocalCredentials.Password, isLite: false);
        agent.AddRemoteCandidate(now, peer.LocalCandidates[0]);
        agent.EndOfRemoteCandidates(now);
    }

    private int Carry((IceAgent Agent, TransportAddress Address) from, IceAgent to)
    {
        var bytes = 0;
        while (from.Agent.TryWriteDatagram(now, buffer, out var written, out _))
        {
            to.HandleDatagram(now, from.Address, buffer.AsSpan(0, written));
            bytes += written;
        }
        return bytes;
    }
}
