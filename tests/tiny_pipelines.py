"""Pipelines of diffusers with networks of a few thousand untaught weights, made on the spot."""

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLLTXVideo,
    AutoencoderKLTemporalDecoder,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXImageToVideoPipeline,
    LTXVideoTransformer3DModel,
    StableVideoDiffusionPipeline,
    UNetSpatioTemporalConditionModel,
    WanImageToVideoPipeline,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

WORDS = ("<pad>", "</s>", "<unk>", "a", "red", "ball", "moves", "right", "one", "the", "view")


def tokenizer():
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _text_config(kind):
    return kind(
        vocab_size=len(WORDS),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
    )


def wan_vae():
    return AutoencoderKLWan(
        base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )


def wan_transformer(in_channels):
    return WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=in_channels,
        out_channels=16,
        text_dim=16,
        freq_dim=16,
        ffn_dim=16,
        num_layers=1,
        rope_max_seq_len=64,
    )


def wan_image_to_video(folder):
    """Image to video: new frames from noise, beside the picture's latents."""
    torch.manual_seed(0)
    WanImageToVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=UMT5EncoderModel(_text_config(UMT5Config)),
        vae=wan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        transformer=wan_transformer(16 + 16 + 4),  # noise, the picture's latents, which frames are given
    ).save_pretrained(folder)


def wan_video_to_video(folder):
    """Video to video: the given video's latents, noised and drawn again."""
    torch.manual_seed(0)
    WanVideoToVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=UMT5EncoderModel(_text_config(UMT5Config)),
        vae=wan_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        transformer=wan_transformer(16),
    ).save_pretrained(folder)


def svd_image_to_video(folder):
    """Image to video without words; the network is told the frame rate."""
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=16,
        projection_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=224,
        intermediate_size=16,
        patch_size=56,
    )
    blocks = ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal")
    StableVideoDiffusionPipeline(
        image_encoder=CLIPVisionModelWithProjection(vision),
        feature_extractor=CLIPImageProcessorPil(),
        unet=UNetSpatioTemporalConditionModel(
            block_out_channels=(32, 32),
            layers_per_block=1,
            down_block_types=blocks,
            up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
            cross_attention_dim=16,
            num_attention_heads=2,
            addition_time_embed_dim=16,
            projection_class_embeddings_input_dim=48,
        ),
        scheduler=EulerDiscreteScheduler(prediction_type="v_prediction", use_karras_sigmas=True),
        vae=AutoencoderKLTemporalDecoder(
            block_out_channels=(32, 32), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4
        ),
    ).save_pretrained(folder)


def _ltx_parts():
    return {
        "tokenizer": tokenizer(),
        "text_encoder": T5EncoderModel(_text_config(T5Config)),
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
        ),
        "transformer": LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            num_layers=1,
            caption_channels=16,
        ),
    }


def ltx_image_to_video(folder):
    """Image to video; the network is told the frame rate, and time is cut by eight."""
    torch.manual_seed(0)
    LTXImageToVideoPipeline(**_ltx_parts()).save_pretrained(folder)


def ltx_video_to_video(folder):
    """Video to a longer video that begins with it."""
    torch.manual_seed(0)
    LTXConditionPipeline(**_ltx_parts()).save_pretrained(folder)


def _cogvideo_parts(in_channels):
    return {
        "tokenizer": tokenizer(),
        "text_encoder": T5EncoderModel(_text_config(T5Config)),
        "vae": AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(8, 8, 8, 8),
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=2,
        ),
        "transformer": CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=in_channels,
            out_channels=4,
            time_embed_dim=2,
            text_embed_dim=16,
            num_layers=1,
            sample_width=8,
            sample_height=8,
            sample_frames=9,
            use_rotary_positional_embeddings=True,
        ),
        "scheduler": CogVideoXDDIMScheduler(),
    }


def cogvideo_image_to_video(folder):
    """Image to video, the picture's latents beside the noise."""
    torch.manual_seed(0)
    CogVideoXImageToVideoPipeline(**_cogvideo_parts(8)).save_pretrained(folder)


def cogvideo_video_to_video(folder):
    """Video to video of the same length."""
    torch.manual_seed(0)
    CogVideoXVideoToVideoPipeline(**_cogvideo_parts(4)).save_pretrained(folder)
