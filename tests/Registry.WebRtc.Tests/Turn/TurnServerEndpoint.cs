using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;
using Registry.WebRtc.Tests.Net;
using Registry.WebRtc.Turn;

namespace Registry.WebRtc.Tests.Turn;

/// <summary>A TURN server on the simulated network: it answers Binding too, and each allocation is an endpoint of its own.</summary>
internal sealed class TurnServerEndpoint : ISimulatedEndpoint
{
    public const string Username = "tube";
    public const string Password = "hush-hush";
    private const string Realm = "relay.example";

    private readonly SimulatedNetwork network;
    private readonly Dictionary<TransportAddress, Allocation> allocations = [];
    private readonly Queue<(TransportAddress To, byte[] Bytes)> output = new();
    private int nonces = 1;
    private ushort nextPort = 50_000;

    public TurnServerEndpoint(SimulatedNetwork network, string address)
    {
        this.network = network;
        Address = TransportAddress.From(IPEndPoint.Parse(address));
        network.Attach(Address, this);
    }

    public TransportAddress Address { get; }

    /// <summary>Seconds that allocations last.</summary>
    public uint Lifetime { get; set; } = 600;

    /// <summary>Another password than <see cref="Password"/>, from now on.</summary>
    public string CurrentPassword { get; set; } = Password;

    /// <summary>Whether a Refresh by another user than the allocation's is refused with 441.</summary>
    public bool TiesAllocationsToUsers { get; set; }

    /// <summary>The address that Binding requests seem to come from, where a translator is on the way.</summary>
    public TransportAddress? SeesAs { get; set; }

    /// <summary>Answers every Allocate with this error.</summary>
    public StunErrorCode Refuses { get; set; }

    /// <summary>Where the error 300 sends to.</summary>
    public TransportAddress Alternate { get; set; }

    public IEnumerable<TransportAddress> Relayed => allocations.Values.Select(a => a.Address);

    public int Allocations => allocations.Count;

    public int Refreshes { get; private set; }

    public int DataIndications { get; private set; }

    public int ChannelMessages { get; private set; }

    public int Refused { get; private set; }

    /// <summary>User names that were taken, in order.</summary>
    public List<string> Users { get; } = [];

    public TimeSpan NextTimeout => allocations.Count == 0 ? TimeSpan.MaxValue : allocations.Values.Min(a => a.ExpiresAt);

    /// <summary>From now on requests with the nonces given so far are answered by 438.</summary>
    public void ChangeNonce() => nonces++;

    /// <summary>Forgets every allocation, as a server that was restarted.</summary>
    public void Forget() => allocations.Clear();

    public void HandleTimeout(TimeSpan now)
    {
        foreach (var (client, allocation) in allocations)
        {
            if (allocation.ExpiresAt <= now)
                allocations.Remove(client);
        }
    }

    public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
    {
        if (ChannelData.TryRead(datagram, out var channel, out var data))
        {
            if (allocations.TryGetValue(source, out var sender) && sender.Channels.TryGetValue(channel, out var to))
            {
                ChannelMessages++;
                sender.Send(to, data);
                network.Flush();
            }
            return;
        }
        StunMessage.TryParse(datagram, out var message).ShouldBeTrue("the client sends well-formed messages");
        message.FingerprintFits.ShouldBeTrue();
        if (message.Class == StunClass.Indication)
        {
            if (allocations.TryGetValue(source, out var sender)
                && message.TryGetXorAddress(StunAttributeType.XorPeerAddress, out var to) && message.TryGet(StunAttributeType.Data, out var bytes))
            {
                DataIndications++;
                if (sender.Permits(now, to))
                    sender.Send(to, bytes);
                network.Flush();
            }
            return;
        }
        Answer(now, source, message);
    }

    public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote) =>
        TryWrite(output, destination, out written, out remote);

    private static bool TryWrite(Queue<(TransportAddress To, byte[] Bytes)> queue, Span<byte> destination, out int written, out TransportAddress remote)
    {
        (written, remote) = (0, default);
        if (!queue.TryDequeue(out var next))
            return false;
        next.Bytes.CopyTo(destination);
        (written, remote) = (next.Bytes.Length, next.To);
        return true;
    }

    private void Answer(TimeSpan now, TransportAddress source, StunMessage request)
    {
        Span<byte> buffer = stackalloc byte[1500];
        if (request.Method == StunMethod.Binding)
        {
            var writer = new StunWriter(buffer, StunClass.SuccessResponse, StunMethod.Binding, request.TransactionId);
            writer.WriteXorMappedAddress(SeesAs ?? source);
            Reply(source, buffer[..writer.Finish([])]);
            return;
        }
        if (!Authenticate(request, out var user, out var key, out var error))
        {
            Refuse(source, request, error, []);
            return;
        }
        allocations.TryGetValue(source, out var allocation);
        if (request.Method == StunMethod.Allocate && Refuses != StunErrorCode.None)
            Refuse(source, request, Refuses, key);
        else if (request.Method == StunMethod.Allocate && allocation is not null && allocation.Transaction != request.TransactionId)
            Refuse(source, request, StunErrorCode.AllocationMismatch, key);
        else if (request.Method != StunMethod.Allocate && allocation is null)
            Refuse(source, request, StunErrorCode.AllocationMismatch, key);
        else if (allocation is not null && TiesAllocationsToUsers && allocation.User != user)
            Refuse(source, request, StunErrorCode.WrongCredentials, key);
        else
            Carry(now, source, request, allocation, user, key);
    }

    private void Carry(TimeSpan now, TransportAddress source, StunMessage request, Allocation? allocation, string user, byte[] key)
    {
        Users.Add(user);
        Span<byte> buffer = stackalloc byte[1500];
        var writer = new StunWriter(buffer, StunClass.SuccessResponse, request.Method, request.TransactionId);
        switch (request.Method)
        {
            case StunMethod.Allocate:
                allocation ??= Add(source, user, request.TransactionId);
                allocation.ExpiresAt = now + TimeSpan.FromSeconds(Lifetime);
                writer.WriteXorAddress(StunAttributeType.XorRelayedAddress, allocation.Address);
                writer.WriteXorMappedAddress(source);
                writer.WriteUInt32(StunAttributeType.Lifetime, Lifetime);
                break;
            case StunMethod.Refresh:
                Refreshes++;
                request.TryGetUInt32(StunAttributeType.Lifetime, out var wanted).ShouldBeTrue();
                if (wanted == 0)
                    allocations.Remove(source);
                allocation!.ExpiresAt = now + TimeSpan.FromSeconds(Lifetime);
                writer.WriteUInt32(StunAttributeType.Lifetime, wanted == 0 ? 0 : Lifetime);
                break;
            case StunMethod.CreatePermission:
                request.TryGetXorAddress(StunAttributeType.XorPeerAddress, out var peer).ShouldBeTrue();
                allocation!.Permit(now, peer);
                break;
            case StunMethod.ChannelBind:
                request.TryGetXorAddress(StunAttributeType.XorPeerAddress, out var bound).ShouldBeTrue();
                request.TryGetUInt32(StunAttributeType.ChannelNumber, out var number).ShouldBeTrue();
                allocation!.Permit(now, bound);
                allocation.Channels[(ushort)(number >> 16)] = bound;
                break;
        }
        Reply(source, buffer[..writer.Finish(key)]);
    }

    private bool Authenticate(StunMessage request, out string user, out byte[] key, out StunErrorCode error)
    {
        (user, key, error) = ("", [], StunErrorCode.Unauthenticated);
        if (!request.TryGet(StunAttributeType.Username, out var name) || !request.TryGet(StunAttributeType.Nonce, out var nonce))
            return false;
        user = Encoding.UTF8.GetString(name);
        key = new TurnCredentials(user, CurrentPassword, TimeSpan.MaxValue).KeyFor(Encoding.UTF8.GetBytes(Realm));
        if (!request.VerifyIntegrity(key))
            return false;
        error = StunErrorCode.StaleNonce;
        return Encoding.UTF8.GetString(nonce) == $"nonce-{nonces}";
    }

    private void Refuse(TransportAddress source, StunMessage request, StunErrorCode code, byte[] key)
    {
        if (key.Length > 0)
            Refused++;
        Span<byte> buffer = stackalloc byte[1500];
        var writer = new StunWriter(buffer, StunClass.ErrorResponse, request.Method, request.TransactionId);
        writer.WriteErrorCode(code, "No");
        if (code is StunErrorCode.Unauthenticated or StunErrorCode.StaleNonce)
        {
            writer.WriteText(StunAttributeType.Realm, Realm);
            writer.WriteText(StunAttributeType.Nonce, $"nonce-{nonces}");
        }
        if (code == StunErrorCode.TryAlternate)
        {
            Span<byte> address = stackalloc byte[8];
            address[1] = 1;
            BinaryPrimitives.WriteUInt16BigEndian(address[2..], Alternate.Port);
            Alternate.Address.TryWriteBytes(address[4..], out _);
            writer.Write(StunAttributeType.AlternateServer, address);
        }
        Reply(source, buffer[..writer.Finish(key)]);
    }

    private void Reply(TransportAddress to, ReadOnlySpan<byte> bytes) => output.Enqueue((to, bytes.ToArray()));

    private Allocation Add(TransportAddress client, string user, StunTransactionId transaction)
    {
        var allocation = new Allocation(this, client, Address with { Port = nextPort++ }, user, transaction);
        allocations[client] = allocation;
        network.Attach(allocation.Address, allocation);
        return allocation;
    }

    private sealed class Allocation(TurnServerEndpoint server, TransportAddress client, TransportAddress address, string user, StunTransactionId transaction)
        : ISimulatedEndpoint
    {
        private readonly Queue<(TransportAddress To, byte[] Bytes)> output = new();
        private readonly Dictionary<(ulong, ulong), TimeSpan> permissions = [];

        public TransportAddress Address => address;
        public string User => user;
        public StunTransactionId Transaction => transaction;
        public TimeSpan ExpiresAt { get; set; }
        public Dictionary<ushort, TransportAddress> Channels { get; } = [];
        public TimeSpan NextTimeout => TimeSpan.MaxValue;

        public void Permit(TimeSpan now, TransportAddress peer) => permissions[(peer.High, peer.Low)] = now + TimeSpan.FromMinutes(5);

        public bool Permits(TimeSpan now, TransportAddress peer) => permissions.TryGetValue((peer.High, peer.Low), out var until) && now < until;

        public void Send(TransportAddress to, ReadOnlySpan<byte> bytes) => output.Enqueue((to, bytes.ToArray()));

        public void HandleTimeout(TimeSpan now)
        {
        }

        public void HandleDatagram(TimeSpan now, TransportAddress source, ReadOnlySpan<byte> datagram)
        {
            if (!server.allocations.ContainsKey(client) || !Permits(now, source))
                return;
            Span<byte> buffer = stackalloc byte[2048];
            foreach (var (number, peer) in Channels)
            {
                if (peer != source)
                    continue;
                server.Reply(client, buffer[..ChannelData.Write(buffer, number, datagram, pad: false)]);
                server.network.Flush();
                return;
            }
            var writer = new StunWriter(buffer, StunClass.Indication, StunMethod.Data, StunTransactionId.Read(RandomNumberGenerator.GetBytes(12)));
            writer.WriteXorAddress(StunAttributeType.XorPeerAddress, source);
            writer.Write(StunAttributeType.Data, datagram);
            server.Reply(client, buffer[..writer.Finish([])]);
            server.network.Flush();
        }

        public bool TryWriteDatagram(TimeSpan now, Span<byte> destination, out int written, out TransportAddress remote) =>
            TryWrite(output, destination, out written, out remote);
    }
}
