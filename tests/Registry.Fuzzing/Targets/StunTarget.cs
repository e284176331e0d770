using System.Text;
using Registry.WebRtc;
using Registry.WebRtc.Ice;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.Fuzzing.Targets;

/// <summary>
/// STUN as it comes from the network, and an ICE agent whose peer answers and asks what it likes under the right password. The first byte
/// chooses: even is a datagram, odd a list of messages.
/// </summary>
internal sealed class StunTarget : IFuzzTarget
{
    private const int MaxSteps = 64;
    private static readonly IceCredentials local = new("abcd", "localpasswordlocalpassword");
    private static readonly IceCredentials remote = new("wxyz", "remotepasswordremotepassword");
    private static readonly byte[] localKey = Encoding.UTF8.GetBytes(local.Password);
    private static readonly byte[] remoteKey = Encoding.UTF8.GetBytes(remote.Password);
    private static readonly TransportAddress peer = TransportAddress.From(System.Net.IPAddress.Parse("192.0.2.7"), 7000);

    public string Name => "stun";

    public long BaseAllocation => 128 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        if ((reader.Byte() & 1) == 0)
            Read(reader.Rest());
        else
            Converse(ref reader);
    }

    private static void Read(ReadOnlySpan<byte> datagram)
    {
        StunMessage.TryGetTransactionId(datagram, out _);
        StunMessage.TryGetUsernameFragment(datagram, out _);
        CreateAgent().HandleDatagram(TimeSpan.Zero, peer, datagram);
        if (!StunMessage.TryParse(datagram, out var message))
            return;
        _ = (message.Class, message.Method, message.TransactionId, message.FingerprintFits, message.VerifyIntegrity(localKey));
        message.TryGetErrorCode(out _);
        foreach (var attribute in message)
        {
            message.TryGet(attribute.Type, out _);
            message.TryGetUInt32(attribute.Type, out _);
            message.TryGetUInt64(attribute.Type, out _);
            message.TryGetBytes(attribute.Type, 128, out _);
            message.TryGetAddress(attribute.Type, out _);
            message.TryGetXorAddress(attribute.Type, out _);
        }
    }

    private static void Converse(ref FuzzReader reader)
    {
        var agent = CreateAgent();
        var (now, transaction) = (TimeSpan.Zero, default(StunTransactionId));
        var buffer = new byte[StunFormat.MaximumLength];
        for (var step = 0; step < MaxSteps && !reader.IsAtEnd; step++)
        {
            while (agent.TryWriteDatagram(now, buffer, out var length, out _))
                StunMessage.TryGetTransactionId(buffer.AsSpan(0, length), out transaction);
            var kind = reader.Byte();
            now += TimeSpan.FromMilliseconds(reader.Byte() * 100);
            agent.HandleTimeout(now);
            var from = (kind & 0x40) == 0 ? peer : peer with { Port = (ushort)(7000 + reader.Byte()) };
            agent.HandleDatagram(now, from, Write(ref reader, (StunClass)(kind & 3), transaction, buffer));
            while (agent.TryReadEvent(out _))
            {
            }
        }
        PropertyViolatedException.ThrowUnless(agent.Report.Pairs.Count <= IceOptions.Default.MaxPairs, "The check list exceeds its limit.");
    }

    private static IceAgent CreateAgent()
    {
        var random = new Random(1);
        var agent = new IceAgent(IceOptions.Default, local, 5, bytes => random.NextBytes(bytes));
        agent.AddLocalCandidate(IceCandidatePriority.CreateHost(System.Net.IPAddress.Parse("192.0.2.1"), 1000, IceCandidatePriority.MaxLocalPreference));
        agent.SetRemoteCredentials(TimeSpan.Zero, remote.UsernameFragment, remote.Password, isLite: false);
        agent.AddRemoteCandidate(TimeSpan.Zero, IceCandidate.Parse("candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host"));
        return agent;
    }

    /// <summary>A message with the attributes that the input lists, complete and authenticated.</summary>
    private static ReadOnlySpan<byte> Write(ref FuzzReader reader, StunClass messageClass, StunTransactionId transaction, byte[] buffer)
    {
        var writer = new StunWriter(buffer, messageClass, StunMethod.Binding, transaction);
        if (messageClass == StunClass.Request)
            writer.WriteText(StunAttributeType.Username, $"{local.UsernameFragment}:{remote.UsernameFragment}");
        for (var attributes = reader.Byte() & 7; attributes > 0; attributes--)
            writer.Write((StunAttributeType)reader.UInt16(), reader.Bytes(reader.Byte() & 63));
        return buffer.AsSpan(0, writer.Finish(messageClass == StunClass.Request ? localKey : remoteKey));
    }
}
