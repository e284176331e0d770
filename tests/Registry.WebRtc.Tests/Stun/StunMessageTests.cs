using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Tests.Stun;

public sealed class StunMessageTests
{
    // RFC 5769 §2.1 to §2.4.
    private const string SampleRequest = """
        00010058 2112a442 b7e7a701bc34d686fa87dfae
        80220010 5354554e207465737420636c69656e74
        00240004 6e0001ff
        80290008 932ff9b151263b36
        00060009 6576746a3a68367659202020
        00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
        80280004 e57a3bcf
        """;

    private const string SampleIPv4Response = """
        0101003c 2112a442 b7e7a701bc34d686fa87dfae
        8022000b 7465737420766563746f7220
        00200008 0001a147e112a643
        00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
        80280004 c07d4c96
        """;

    private const string SampleIPv6Response = """
        01010048 2112a442 b7e7a701bc34d686fa87dfae
        8022000b 7465737420766563746f7220
        00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
        00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
        80280004 c8fb0b4c
        """;

    private const string SampleLongTermRequest = """
        00010060 2112a442 78ad3433c6ad72c029da412e
        00060012 e3839ee38388e383aae38383e382afe382b90000
        0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
        0014000b 6578616d706c652e6f726700
        00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666
        """;

    private static readonly byte[] Password = "VOkJxbRl1RmTxUk/WvJxBt"u8.ToArray();
    private static readonly StunTransactionId Id = new(0xb7e7a701, 0xbc34d686fa87dfae);

    private static byte[] Bytes(string hex) => Convert.FromHexString(string.Concat(hex.Where(char.IsAsciiHexDigit)));

    private static StunMessage Parse(ReadOnlySpan<byte> datagram)
    {
        StunMessage.TryParse(datagram, out var message).ShouldBeTrue();
        return message;
    }

    [Fact]
    public void The_sample_request_of_RFC_5769_is_read()
    {
        var message = Parse(Bytes(SampleRequest));

        message.Class.ShouldBe(StunClass.Request);
        message.Method.ShouldBe(StunMethod.Binding);
        message.TransactionId.ShouldBe(Id);
        message.TryGet(StunAttributeType.Software, out var software).ShouldBeTrue();
        Encoding.UTF8.GetString(software).ShouldBe("STUN test client");
        message.TryGetUInt32(StunAttributeType.Priority, out var priority).ShouldBeTrue();
        priority.ShouldBe(0x6e0001ffu);
        message.TryGetUInt64(StunAttributeType.IceControlled, out var tieBreaker).ShouldBeTrue();
        tieBreaker.ShouldBe(0x932ff9b151263b36);
        message.TryGet(StunAttributeType.Username, out var username).ShouldBeTrue();
        Encoding.UTF8.GetString(username).ShouldBe("evtj:h6vY");
        message.VerifyIntegrity(Password).ShouldBeTrue();
        message.FingerprintFits.ShouldBeTrue();
    }

    [Theory]
    [InlineData(SampleIPv4Response, "192.0.2.1")]
    [InlineData(SampleIPv6Response, "2001:db8:1234:5678:11:2233:4455:6677")]
    public void The_sample_responses_of_RFC_5769_are_read(string hex, string address)
    {
        var message = Parse(Bytes(hex));

        message.Class.ShouldBe(StunClass.SuccessResponse);
        message.TryGetXorMappedAddress(out var mapped).ShouldBeTrue();
        mapped.ShouldBe(TransportAddress.From(IPAddress.Parse(address), 32853));
        message.VerifyIntegrity(Password).ShouldBeTrue();
        message.FingerprintFits.ShouldBeTrue();
    }

    [Fact]
    [SuppressMessage("Security", "CA5351:Do Not Use Broken Cryptographic Algorithms", Justification = "The key of RFC 8489 §9.2.2.")]
    public void Integrity_of_the_long_term_sample_is_verified()
    {
        var key = MD5.HashData(Encoding.UTF8.GetBytes("マトリックス:example.org:TheMatrIX"));

        var message = Parse(Bytes(SampleLongTermRequest));

        message.VerifyIntegrity(key).ShouldBeTrue();
        message.VerifyIntegrity(Password).ShouldBeFalse();
        message.FingerprintFits.ShouldBeTrue("there is none");
    }

    [Fact]
    public void The_writer_makes_the_bytes_of_the_sample_response()
    {
        // The sample pads SOFTWARE with a space, which no writer would; here the value carries that byte itself.
        var expected = Bytes(SampleIPv4Response);
        expected[23] = 12;
        var buffer = new byte[StunFormat.MaximumLength];
        var writer = new StunWriter(buffer, StunClass.SuccessResponse, StunMethod.Binding, Id);
        writer.WriteText(StunAttributeType.Software, "test vector ");
        writer.WriteXorMappedAddress(TransportAddress.From(IPAddress.Parse("192.0.2.1"), 32853));
        var length = writer.Finish(Password);

        length.ShouldBe(expected.Length);
        // Up to the authentication, which covers the changed length byte.
        buffer[..44].ShouldBe(expected[..44]);
        Parse(buffer.AsSpan(0, length)).VerifyIntegrity(Password).ShouldBeTrue();
        Parse(buffer.AsSpan(0, length)).FingerprintFits.ShouldBeTrue();
    }

    [Theory]
    [InlineData("192.0.2.1", 1)]
    [InlineData("2001:db8::1", 65535)]
    public void Every_attribute_comes_back_as_written(string address, int port)
    {
        var buffer = Enumerable.Repeat((byte)0xEE, StunFormat.MaximumLength).ToArray();
        var mapped = TransportAddress.From(IPAddress.Parse(address), port);
        var writer = new StunWriter(buffer, StunClass.ErrorResponse, StunMethod.Binding, Id);
        writer.WriteXorMappedAddress(mapped);
        writer.WriteUInt32(StunAttributeType.Priority, 7);
        writer.WriteUInt64(StunAttributeType.IceControlling, ulong.MaxValue);
        writer.WriteFlag(StunAttributeType.UseCandidate);
        writer.WriteErrorCode(StunErrorCode.RoleConflict, "Role Conflict");
        writer.Write(StunAttributeType.UnknownAttributes, [1, 2]);
        var message = Parse(buffer.AsSpan(0, writer.Finish(Password)));

        message.Class.ShouldBe(StunClass.ErrorResponse);
        message.TryGetXorMappedAddress(out var read).ShouldBeTrue();
        read.ShouldBe(mapped);
        message.TryGetUInt32(StunAttributeType.Priority, out var priority).ShouldBeTrue();
        priority.ShouldBe(7u);
        message.TryGetUInt64(StunAttributeType.IceControlling, out var tieBreaker).ShouldBeTrue();
        tieBreaker.ShouldBe(ulong.MaxValue);
        message.TryGet(StunAttributeType.UseCandidate, out _).ShouldBeTrue();
        message.TryGetErrorCode(out var code).ShouldBeTrue();
        code.ShouldBe(StunErrorCode.RoleConflict);
        message.VerifyIntegrity(Password).ShouldBeTrue();
        message.FingerprintFits.ShouldBeTrue();
    }

    [Fact]
    public void Attributes_behind_the_integrity_are_not_seen()
    {
        var sample = Bytes(SampleRequest);
        byte[] forged = [.. sample[..^8], 0x00, 0x25, 0x00, 0x00];   // USE-CANDIDATE in place of FINGERPRINT
        forged[3] = (byte)(forged.Length - StunFormat.HeaderLength);

        var message = Parse(forged);

        message.VerifyIntegrity(Password).ShouldBeTrue("the attribute is outside of what is covered");
        message.TryGet(StunAttributeType.UseCandidate, out _).ShouldBeFalse();
    }

    [Fact]
    public void Any_changed_byte_breaks_integrity_and_fingerprint()
    {
        var sample = Bytes(SampleRequest);
        var fingerprint = sample.Length - 8;
        for (var i = 0; i < fingerprint; i++)
        {
            var changed = (byte[])sample.Clone();
            changed[i] ^= 0x10;
            (StunMessage.TryParse(changed, out var message) && message.VerifyIntegrity(Password)).ShouldBeFalse($"byte {i}");
            (StunMessage.TryParse(changed, out message) && message.FingerprintFits).ShouldBeFalse($"byte {i}");
        }
    }

    [Fact]
    public void Truncated_messages_are_refused()
    {
        var sample = Bytes(SampleRequest);
        for (var length = 0; length < sample.Length; length++)
            StunMessage.TryParse(sample.AsSpan(0, length), out _).ShouldBeFalse();
        StunMessage.TryParse([.. sample, 0, 0, 0, 0], out _).ShouldBeFalse("bytes behind the message");
    }

    [Theory]
    [InlineData("16feff00 2112a442 b7e7a701bc34d686fa87dfae")]   // DTLS by its first byte
    [InlineData("00010000 2112a443 b7e7a701bc34d686fa87dfae")]   // no magic cookie
    [InlineData("00010004 2112a442 b7e7a701bc34d686fa87dfae 00250004")]   // value beyond the end
    [InlineData("00010008 2112a442 b7e7a701bc34d686fa87dfae 8028000400000000 00250000")]   // behind FINGERPRINT
    [InlineData("00010008 2112a442 b7e7a701bc34d686fa87dfae 0008000400000000")]   // short MESSAGE-INTEGRITY
    public void Malformed_messages_are_refused(string hex) => StunMessage.TryParse(Bytes(hex), out _).ShouldBeFalse();

    [Fact]
    public void The_receivers_fragment_is_found_without_authentication()
    {
        StunMessage.TryGetUsernameFragment(Bytes(SampleRequest), out var fragment).ShouldBeTrue();
        Encoding.UTF8.GetString(fragment).ShouldBe("evtj");

        StunMessage.TryGetUsernameFragment(Bytes(SampleIPv4Response), out _).ShouldBeFalse("a response");
        StunMessage.TryGetUsernameFragment(Bytes(SampleLongTermRequest), out _).ShouldBeFalse("no colon");
    }

    [Fact]
    public void Hostile_datagrams_never_throw()
    {
        static void Exercise(byte[] datagram)
        {
            _ = StunMessage.TryGetUsernameFragment(datagram, out _);
            if (!StunMessage.TryParse(datagram, out var message))
                return;
            _ = message.VerifyIntegrity(Password);
            _ = message.FingerprintFits;
            _ = message.TryGetErrorCode(out _);
            _ = message.TryGetXorMappedAddress(out _);
            _ = message.TryGetUInt32(StunAttributeType.Priority, out _);
        }

        Gen.Byte.Array[0, 200].Sample(Exercise, iter: 20_000);
        // A right header before random attributes reaches the attribute walk.
        Gen.Byte.Array[0, 50].Sample(body =>
        {
            byte[] datagram = [.. Bytes(SampleRequest).AsSpan(0, 20), .. body.AsSpan(0, body.Length & ~3)];
            datagram[3] = (byte)(datagram.Length - 20);
            Exercise(datagram);
        }, iter: 20_000);
        string[] samples = [SampleRequest, SampleIPv4Response, SampleIPv6Response, SampleLongTermRequest];
        Gen.Select(Gen.Int[0, 3], Gen.Select(Gen.Int[0, 200], Gen.Byte).Array[1, 6]).Sample((sample, changes) =>
        {
            var datagram = Bytes(samples[sample]);
            foreach (var (index, value) in changes)
                datagram[index % datagram.Length] = value;
            Exercise(datagram);
        }, iter: 20_000);
    }
}
