using System.Net;
using System.Net.Http.Json;
using Registry.Host.Api;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Cli;

public sealed class SilentPathTests : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource lost = new();
    private readonly AnsweringHandler gateway = new();
    private readonly GatewayClient client;
    private readonly SilentPath path;

    public SilentPathTests()
    {
        client = new(new GatewayAddress(new("http://gateway.example/")), gateway);
        path = new(client, new("t", "c", "n1", "ready"), () => lost.TrySetResult(), stop.Token);
    }

    public void Dispose()
    {
        stop.Cancel();
        client.Dispose();
        stop.Dispose();
    }

    [Fact]
    public async Task A_gateway_that_has_no_such_tube_means_that_it_is_lost()
    {
        gateway.Answer = () => Refusal(HttpStatusCode.NotFound, "tube_not_found");

        path.Begin();

        await lost.Task.WaitAsync(Eventually.Patience);
        path.Unanswered.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_is_told_each_time_that_the_path_is_silent()
    {
        gateway.Answer = () => throw new HttpRequestException("Connection refused");
        var first = path.Unanswered;

        path.Begin();

        var silence = await first.WaitAsync(Eventually.Patience);
        (silence.Who, silence.IsNode, silence.Back.IsCompleted).ShouldBe(("the gateway http://gateway.example/", false, false));
        path.End();
        await silence.Back.WaitAsync(Eventually.Patience);
        path.Unanswered.ShouldNotBe(first);
        path.Begin();
        await path.Unanswered.WaitAsync(Eventually.Patience);
        lost.Task.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_node_that_does_not_answer_the_gateway_is_named()
    {
        gateway.Answer = () => Refusal(HttpStatusCode.ServiceUnavailable, "node_unreachable");

        path.Begin();

        var silence = await path.Unanswered.WaitAsync(Eventually.Patience);
        (silence.Who, silence.IsNode).ShouldBe(("node n1", true));
    }

    [Fact]
    public async Task A_gateway_that_has_the_tube_leaves_the_path_its_time_and_nobody_is_asked_after_the_end()
    {
        gateway.Answer = () => new(HttpStatusCode.OK) { Content = JsonContent.Create(new { tubeId = "t", node = "n1", state = "disconnected" }) };

        path.Begin();
        await gateway.Asked.WaitAsync(Eventually.Patience);
        await stop.CancelAsync();
        await path.Completion.WaitAsync(Eventually.Patience);

        (path.Unanswered.IsCompleted, lost.Task.IsCompleted).ShouldBe((false, false));
    }

    private static HttpResponseMessage Refusal(HttpStatusCode status, string code) =>
        new(status) { Content = JsonContent.Create(new ProblemBody((int)status, code, "why"), new(ProblemBody.ContentType), GatewayJson.Options) };

    private sealed class AnsweringHandler : HttpMessageHandler
    {
        private readonly TaskCompletionSource asked = new();

        public Func<HttpResponseMessage> Answer { get; set; } = () => throw new HttpRequestException();

        public Task Asked => asked.Task;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            asked.TrySetResult();
            request.RequestUri!.AbsolutePath.ShouldBe("/v1/tubes/t");
            return Task.FromResult(Answer());
        }
    }
}
