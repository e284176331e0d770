using System.Collections.Concurrent;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

/// <summary>The owner of a session as a peer connection is one: one lock, datagrams over a wire that a test may tap.</summary>
internal sealed class DtlsEndpoint : IDtlsTransport, IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly Lock gate = new();
    private readonly TaskCompletionSource<PeerConnectionFailure?> outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource closeNotify = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<PeerConnectionFailure> failure = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int completions;
    private int failures;

    public DtlsEndpoint(DtlsCertificate certificate, DtlsRole role, IReadOnlyList<CertificateFingerprint> expected, DtlsOptions? options = null) =>
        Session = new DtlsSession(certificate, role, expected, this, options ?? DtlsOptions.Default);

    public DtlsSession Session { get; }

    /// <summary>Where this side's datagrams go; a fresh array each.</summary>
    public Action<byte[]> Wire { get; set; } = _ => { };

    /// <summary>Application data as it came.</summary>
    public BlockingCollection<byte[]> Received { get; } = [];

    /// <summary>Called before the owner handles the completion.</summary>
    public Action BeforeCompletion { get; set; } = () => { };

    /// <summary>Null when the handshake completed.</summary>
    public Task<PeerConnectionFailure?> Outcome => outcome.Task.WaitAsync(Patience);

    public Task<PeerConnectionFailure> Failure => this.failure.Task.WaitAsync(Patience);

    public Task CloseNotify => closeNotify.Task.WaitAsync(Patience);

    public int Completions => Volatile.Read(ref completions);

    public int Failures => Volatile.Read(ref failures);

    public static void Connect(DtlsEndpoint one, DtlsEndpoint other)
    {
        one.Wire = other.Deliver;
        other.Wire = one.Deliver;
    }

    // A thread that has reported its failure needs a moment to become idle again.
    public static async Task ThreadsAreFree(DtlsHandshakeThreads threads)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (threads.Busy > 0)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public void Start()
    {
        lock (gate)
            Session.Start();
    }

    public void Deliver(byte[] datagram)
    {
        lock (gate)
            Read([.. datagram]);
    }

    /// <summary>The record that carries a message, without sending it.</summary>
    public byte[] Protect(ReadOnlySpan<byte> message)
    {
        var record = new byte[message.Length + DtlsSession.RecordOverhead];
        message.CopyTo(record.AsSpan(DtlsSession.PlaintextOffset));
        lock (gate)
            Session.Protect(record, message.Length).ShouldBe(record.Length);
        return record;
    }

    public void Send(ReadOnlySpan<byte> message) => Wire(Protect(message));

    public void Close()
    {
        var alert = new byte[64];
        int length;
        lock (gate)
        {
            length = Session.WriteCloseNotify(alert);
            Session.Dispose();
        }

        if (length > 0)
            Wire(alert[..length]);
    }

    public byte[] Take()
    {
        Received.TryTake(out var message, Patience).ShouldBeTrue("no data arrived");
        return message!;
    }

    public void SendHandshakeDatagram(ReadOnlySpan<byte> datagram) => Wire(datagram.ToArray());

    public void OnHandshakeCompleted()
    {
        BeforeCompletion();
        lock (gate)
        {
            while (Session.TryReadEarlyDatagram(out var datagram))
                Read(datagram);
        }

        Interlocked.Increment(ref completions);
        outcome.TrySetResult(null);
    }

    public void OnFailed(PeerConnectionFailure failure)
    {
        Interlocked.Increment(ref failures);
        this.failure.TrySetResult(failure);
        outcome.TrySetResult(failure);
    }

    public void OnCloseNotify() => closeNotify.TrySetResult();

    public void Dispose()
    {
        lock (gate)
            Session.Dispose();
    }

    private void Read(Span<byte> datagram)
    {
        while (Session.TryReadApplicationData(ref datagram, out var plaintext))
            Received.Add(plaintext.ToArray());
    }
}
